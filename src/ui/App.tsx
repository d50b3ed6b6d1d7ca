import { useCallback, useMemo, useState } from 'react';
import { useLab } from '../client/lab-store.ts';
import { dismiss, useNotices } from '../client/notices.ts';
import css from './App.module.css';
import { GdbDialog } from './bridge/GdbDialog.tsx';
import { ContextMenu } from './context-menu/ContextMenu.tsx';
import { HelpDialog } from './dialogs/HelpDialog.tsx';
import { OpenDialog } from './dialogs/OpenDialog.tsx';
import { useFileDrop } from './dialogs/use-file-drop.ts';
import { keyBindings, useKeys } from './keys.ts';
import { Palette } from './palette/Palette.tsx';
import { useApplyTheme } from './theme.ts';
import { Timeline } from './timeline/Timeline.tsx';
import { Toolbar } from './toolbar/Toolbar.tsx';
import { Button } from './widgets/Button.tsx';
import { freshModel, goToConsole, goToPanel, loadModel, showPanel } from './workspace/docking.ts';
import { Workspace } from './workspace/Workspace.tsx';

type Dialog =
  | { readonly kind: 'open'; readonly files: readonly File[] }
  | { readonly kind: 'help' | 'gdb' | 'palette' }
  | null;

export function App() {
  const [model, setModel] = useState(loadModel);
  const [dialog, setDialog] = useState<Dialog>(null);
  // What another dialog holds is not lost by it.
  const openPalette = useCallback(() => setDialog((open) => open ?? { kind: 'palette' }), []);
  const bindings = useMemo(
    () =>
      keyBindings({
        openHelp: () => setDialog({ kind: 'help' }),
        openGuest: () => setDialog({ kind: 'open', files: [] }),
        openPalette,
        showMicro: () => showPanel(model, 'micro'),
      }),
    [model, openPalette],
  );
  const dropping = useFileDrop((files) => setDialog({ kind: 'open', files }));
  useKeys(bindings);
  useApplyTheme();
  const close = () => setDialog(null);
  return (
    <div className={css.app}>
      <Toolbar
        onOpen={() => setDialog({ kind: 'open', files: [] })}
        onHelp={() => setDialog({ kind: 'help' })}
        gdbDialog={dialog?.kind === 'gdb'}
        onPalette={openPalette}
        onGdb={() => setDialog({ kind: 'gdb' })}
        onShowPanel={(panel) => showPanel(model, panel)}
        onResetLayout={() => setModel(freshModel())}
      />
      <Timeline />
      <main className={css.workspace}>
        <Workspace model={model} />
      </main>
      {dropping && <div className={css.drop}>Drop a kernel, and an initrd if it needs one</div>}
      {dialog?.kind === 'open' && <OpenDialog files={dialog.files} onClose={close} />}
      {dialog?.kind === 'palette' && (
        <Palette
          bindings={bindings}
          page={{
            openPalette,
            goToPanel: (kind) => goToPanel(model, kind),
            goToConsole: (vm) => goToConsole(model, vm),
            resetLayout: () => setModel(freshModel()),
            connectGdb: () => setDialog({ kind: 'gdb' }),
          }}
          onClose={close}
        />
      )}
      {dialog?.kind === 'help' && <HelpDialog bindings={bindings} onClose={close} />}
      <ContextMenu />
      {dialog?.kind === 'gdb' && <GdbDialog onClose={close} />}
      <Notices />
      <Failure />
      <LiveSentence />
    </div>
  );
}

/** Errors, newest last, until dismissed. */
function Notices() {
  const list = useNotices((state) => state.list);
  return (
    <div className={css.notices} role="alert">
      {list.map(({ id, error }) => (
        <div key={id} className={css.notice}>
          <div>
            <strong>{error.what}</strong>
            {error.where && <p className={css.where}>{error.where}</p>}
            {error.remedy && <p>{error.remedy}</p>}
          </div>
          <Button small look="bare" icon="destroy" aria-label="Dismiss" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}

/** The Worker is gone: nothing on the page is live any more, and the page says so. */
function Failure() {
  const failure = useLab((state) => state.failure);
  if (failure === null) return null;
  return (
    <div className={css.failure} role="alert">
      <strong>The lab has stopped working</strong>
      <p>{failure.what}</p>
      {failure.where && <p className={css.where}>{failure.where}</p>}
      <Button look="primary" onClick={() => location.reload()}>
        Reload the page
      </Button>
    </div>
  );
}

function LiveSentence() {
  const sentence = useNotices((state) => state.sentence);
  return (
    <p className="unseen" role="status" aria-live="polite">
      {sentence}
    </p>
  );
}
