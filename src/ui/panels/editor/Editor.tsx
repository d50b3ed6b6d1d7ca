import { lazy, Suspense } from 'react';
import { Empty } from '../../widgets/Panel.tsx';

/** CodeMirror comes with the first look at the panel, so that the page opens as fast without it. */
const EditorPanel = lazy(() => import('./EditorPanel.tsx'));

export function Editor({ visible }: { readonly visible: boolean }) {
  return (
    <Suspense fallback={<Empty title="Loading the editor…" />}>
      <EditorPanel visible={visible} />
    </Suspense>
  );
}
