import { type FormEvent, useEffect, useState } from 'react';
import { CommandRefused } from '../../client/connection.ts';
import { lab } from '../../client/lab.ts';
import { say } from '../../client/notices.ts';
import type { CommandError } from '../../protocol/commands.ts';
import type { Technique } from '../../protocol/target.ts';
import { Button } from '../widgets/Button.tsx';
import css from './Dialog.module.css';
import { Dialog } from './Dialog.tsx';
import {
  checkForm,
  describeGuest,
  EMPTY_FORM,
  type GuestForm,
  sortFiles,
  usualCommandLine,
} from './guest-form.ts';

/** Opens the user's own kernel: files, command line, memory, and how it is to be run. */
export function OpenDialog({
  files,
  onClose,
}: {
  readonly files: readonly File[];
  readonly onClose: () => void;
}) {
  const [form, setForm] = useState<GuestForm>(EMPTY_FORM);
  const [error, setError] = useState<CommandError | null>(null);
  const [busy, setBusy] = useState(false);
  /** The command line is the user's own: it is not replaced any more. */
  const [typed, setTyped] = useState(false);
  const change = (part: Partial<GuestForm>) => setForm((before) => ({ ...before, ...part }));

  const { kernel } = form;
  useEffect(() => {
    if (kernel === null || typed) return;
    let current = true;
    void usualCommandLine(kernel).then((commandLine) => {
      if (current) setForm((before) => ({ ...before, commandLine }));
    });
    return () => {
      current = false;
    };
  }, [kernel, typed]);

  useEffect(() => {
    let current = true;
    void sortFiles(files, EMPTY_FORM).then((sorted) => {
      if (current && files.length > 0)
        setForm((before) => ({
          ...before,
          kernel: sorted.kernel,
          initrd: sorted.initrd,
          symbols: sorted.symbols,
        }));
    });
    return () => {
      current = false;
    };
  }, [files]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const problem = checkForm(form);
    setError(problem);
    if (problem !== null) return;
    setBusy(true);
    try {
      const guest = await describeGuest(form);
      await lab().send({ kind: 'open', guest });
      say(`${guest.name} is running.`);
      onClose();
    } catch (reason) {
      setBusy(false);
      if (reason instanceof CommandRefused) setError(reason.error);
      else
        setError({
          what: String(reason),
          where: null,
          remedy: 'Choose the file again; it may have changed on disk.',
        });
    }
  };

  return (
    <Dialog title="Open a kernel or program" onClose={onClose}>
      <form className={css.content} onSubmit={(event) => void submit(event)}>
        <p className={css.lead}>
          Linux bzImage or vmlinux, a PVH or Multiboot ELF, or a flat binary. The files stay in this tab.
        </p>
        <FileRow label="Kernel" file={form.kernel} onChange={(kernel) => change({ kernel })} />
        {form.format === 'recognise' && (
          <>
            <FileRow label="Initrd" file={form.initrd} onChange={(initrd) => change({ initrd })} />
            <div className={css.row}>
              <label htmlFor="open-command-line">Command line</label>
              <input
                id="open-command-line"
                className={css.input}
                spellCheck={false}
                value={form.commandLine}
                onChange={(event) => {
                  setTyped(true);
                  change({ commandLine: event.target.value });
                }}
              />
            </div>
          </>
        )}
        <FileRow label="Symbols" file={form.symbols} onChange={(symbols) => change({ symbols })} />
        <p className={css.lead}>
          Symbols are optional: a System.map, or an ELF file. They name addresses in code and on the stack.
        </p>
        <div className={css.row}>
          <label htmlFor="open-memory">Memory, MiB</label>
          <input
            id="open-memory"
            className={css.input}
            inputMode="numeric"
            value={form.memory}
            aria-invalid={error?.where === 'Memory'}
            onChange={(event) => change({ memory: event.target.value })}
          />
        </div>
        <div className={css.row}>
          <label htmlFor="open-technique">Run it</label>
          <select
            id="open-technique"
            value={form.technique}
            onChange={(event) => change({ technique: event.target.value as Technique })}
          >
            <option value="vtx-ept">in a virtual machine (VT-x, EPT)</option>
            <option value="bare">on a bare machine, without a hypervisor</option>
            <option value="bare-amd-v">on a bare machine with AMD-V instead of VT-x</option>
          </select>
        </div>
        <div className={css.row}>
          <label htmlFor="open-format">File format</label>
          <div className={css.inline}>
            <select
              id="open-format"
              value={form.format}
              onChange={(event) => change({ format: event.target.value as GuestForm['format'] })}
            >
              <option value="recognise">recognise it</option>
              <option value="real">flat binary, real mode</option>
              <option value="protected">flat binary, 32-bit protected mode</option>
              <option value="long">flat binary, 64-bit long mode</option>
            </select>
            {form.format !== 'recognise' && (
              <input
                className={css.input}
                aria-label="Load address"
                aria-invalid={error?.where === 'Load address'}
                value={form.address}
                spellCheck={false}
                onChange={(event) => change({ address: event.target.value })}
              />
            )}
          </div>
        </div>
        {error && (
          <div className={css.error} role="alert">
            <strong>{error.what}</strong>
            {error.where && <p>{error.where}</p>}
            {error.remedy && <p>{error.remedy}</p>}
          </div>
        )}
        <footer className={css.foot}>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" disabled={busy}>
            {busy ? 'Loading…' : 'Start'}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

interface FileRowProps {
  readonly label: string;
  readonly file: File | null;
  readonly onChange: (file: File | null) => void;
}

function FileRow({ label, file, onChange }: FileRowProps) {
  const id = `open-${label.toLowerCase()}`;
  return (
    <div className={css.row}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="file"
        ref={(input) => {
          if (input !== null && file !== null && input.files?.[0] !== file) {
            const transfer = new DataTransfer();
            transfer.items.add(file);
            input.files = transfer.files;
          }
        }}
        onChange={(event) => onChange(event.target.files?.[0] ?? null)}
      />
    </div>
  );
}
