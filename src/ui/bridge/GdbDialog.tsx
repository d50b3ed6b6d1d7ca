import { type FormEvent, useState } from 'react';
import { CommandRefused } from '../../client/connection.ts';
import { command, lab } from '../../client/lab.ts';
import { useView } from '../../client/lab-store.ts';
import type { GdbView } from '../../protocol/gdb-view.ts';
import { machineName } from '../describe.ts';
import dialog from '../dialogs/Dialog.module.css';
import { Dialog } from '../dialogs/Dialog.tsx';
import { Button } from '../widgets/Button.tsx';
import css from './gdb.module.css';

/** Connects the lab with gdb by way of `ringlab bridge`, and says how that stands. */
export function GdbDialog({ onClose }: { readonly onClose: () => void }) {
  const view = useView('gdb');
  const connected = view?.state === 'waiting' || view?.state === 'attached';
  return (
    <Dialog title="Connect gdb" onClose={onClose}>
      {connected ? <Connected view={view} /> : <KeyForm view={view ?? null} />}
    </Dialog>
  );
}

function KeyForm({ view }: { readonly view: GdbView | null }) {
  const [key, setKey] = useState('');
  const [refusal, setRefusal] = useState<string | null>(null);
  const connecting = view?.state === 'connecting';
  const trouble = refusal ?? (connecting ? null : (view?.trouble ?? null));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setRefusal(null);
    lab()
      .send({ kind: 'connect-gdb', key })
      .catch((error: unknown) => {
        if (!(error instanceof CommandRefused)) throw error;
        setRefusal([error.error.what, error.error.remedy].filter(Boolean).join(' '));
      });
  };
  return (
    <form className={dialog.content} onSubmit={submit}>
      <p className={dialog.lead}>
        gdb on this computer can debug a machine of this lab. Start the bridge between them in a terminal, in
        the folder of Ringlab, and paste the key that it prints. It takes connections of this computer only.
      </p>
      <pre className={css.line}>npm run -s ringlab -- bridge</pre>
      <div className={dialog.row}>
        <label htmlFor="bridge-key">Key</label>
        <input
          id="bridge-key"
          className={dialog.input}
          value={key}
          autoComplete="off"
          spellCheck={false}
          aria-invalid={trouble !== null}
          aria-describedby={trouble === null ? undefined : 'bridge-trouble'}
          onChange={(event) => setKey(event.target.value)}
        />
      </div>
      {trouble !== null && (
        <div id="bridge-trouble" className={dialog.error} role="alert">
          <p>{trouble}</p>
        </div>
      )}
      <div className={dialog.foot}>
        <Button look="primary" type="submit" disabled={connecting || key.trim() === ''}>
          {connecting ? 'Connecting…' : 'Connect'}
        </Button>
      </div>
    </form>
  );
}

function Connected({ view: { state, port, vm } }: { readonly view: GdbView }) {
  return (
    <div className={dialog.content}>
      {state === 'attached' ? (
        <p className={dialog.lead}>
          gdb is connected; it runs {vm === null ? 'the lab' : machineName(vm)}. Until it leaves, the page
          shows what gdb does: steps, breakpoints and changes. Pause stops the machine for gdb.
        </p>
      ) : (
        <p className={dialog.lead}>
          The bridge waits for gdb, which gets the machine that is in focus then, stopped where it is. In gdb:
        </p>
      )}
      {port !== null && <pre className={css.line}>target remote 127.0.0.1:{port}</pre>}
      <div className={dialog.foot}>
        <Button onClick={() => void command({ kind: 'disconnect-gdb' })}>Disconnect</Button>
      </div>
    </div>
  );
}
