import { Layout, type Model, type TabNode } from 'flexlayout-react';
import 'flexlayout-react/style/light.css';
import '../style/docking.css';
import { useEffect, useState } from 'react';
import { type LabState, useLab } from '../../client/lab-store.ts';
import { Console } from '../panels/console/Console.tsx';
import { syncConsoles } from './docking.ts';
import { storeLayout } from './layout.ts';
import { PANELS, type PanelKind } from './panels.tsx';

/** The docked panels. */
export function Workspace({ model }: { readonly model: Model }) {
  useConsoleTabs(model);
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

/** Past React on purpose: rendering the layout anew measures every panel, ten times a second. */
function useConsoleTabs(model: Model): void {
  useEffect(() => {
    const sync = ({ views: { vms } }: LabState) => vms && syncConsoles(model, vms);
    sync(useLab.getState());
    return useLab.subscribe((state, before) => {
      if (state.views.vms !== before.views.vms) sync(state);
    });
  }, [model]);
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
