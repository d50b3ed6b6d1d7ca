import { Layout, type Model, type TabNode } from 'flexlayout-react';
import 'flexlayout-react/style/light.css';
import '../style/docking.css';
import { useEffect, useState } from 'react';
import { useView } from '../../client/lab-store.ts';
import { Console } from '../panels/console/Console.tsx';
import { syncConsoles } from './docking.ts';
import { storeLayout } from './layout.ts';
import { PANELS, type PanelKind } from './panels.tsx';

/** The docked panels. */
export function Workspace({ model }: { readonly model: Model }) {
  const vms = useView('vms');
  useEffect(() => {
    if (vms) syncConsoles(model, vms);
  }, [model, vms]);
  return (
    <Layout
      model={model}
      factory={(node) => <Content node={node} />}
      onModelChange={(changed) => storeLayout(changed.toJson())}
      realtimeResize
      invalidateTabContentOnParentRender={false}
    />
  );
}

function Content({ node }: { readonly node: TabNode }) {
  const visible = useVisible(node);
  const component = node.getComponent() ?? '';
  if (component === 'console') return <Console vm={Number(node.getConfig().vm)} visible={visible} />;
  const Panel = PANELS[component as PanelKind].component;
  return <Panel visible={visible} />;
}

/** A tab behind another is not watched: it costs the Worker nothing. */
function useVisible(node: TabNode): boolean {
  const [visible, setVisible] = useState(() => node.isVisible());
  useEffect(() => {
    setVisible(node.isVisible());
    node.setEventListener('visibility', ({ visible: now }: { visible: boolean }) => setVisible(now));
    return () => node.removeEventListener('visibility');
  }, [node]);
  return visible;
}
