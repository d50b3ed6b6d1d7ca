import type { ProgramFormat, ProgramLibrary } from '../../../protocol/assembly.ts';
import type { FlatMode, Technique } from '../../../protocol/target.ts';
import { short } from '../../format.ts';
import { AddressInput } from '../../widgets/AddressInput.tsx';
import { Button } from '../../widgets/Button.tsx';
import css from './Editor.module.css';
import { openFile, saveFile } from './files.ts';
import { changeProgram, openSource, type ProgramSettings, useProgram } from './program-store.ts';

const FORMATS: readonly (readonly [ProgramFormat, string])[] = [
  ['bin', 'Flat binary'],
  ['elf32', 'ELF, 32-bit'],
  ['elf64', 'ELF, 64-bit'],
];

const MODES: readonly (readonly [FlatMode, string])[] = [
  ['real', '16-bit, real mode'],
  ['protected', '32-bit, protected mode'],
  ['long', '64-bit, long mode'],
];

interface Props {
  readonly settings: ProgramSettings;
  readonly library: ProgramLibrary | null;
  readonly onRun: (technique: Technique) => void;
}

export function EditorBar({ settings, library, onRun }: Props) {
  const wrong = useProgram(({ result }) => result !== null && result.program === null);
  return (
    <div className={css.bar}>
      <Button look="primary" icon="run" disabled={wrong} onClick={() => onRun('bare')}>
        Run on the bare machine
      </Button>
      <Button icon="run" disabled={wrong} onClick={() => onRun('vtx-ept')}>
        Run in a VM
      </Button>
      <select
        className={css.menu}
        aria-label="Example"
        value=""
        onChange={({ target }) => {
          const chosen = library?.examples.find(({ source }) => source.name === target.value);
          if (chosen !== undefined) openSource(chosen.source);
        }}
      >
        <option value="">Examples…</option>
        {library?.examples.map(({ title, source }) => (
          <option key={source.name} value={source.name}>
            {title}
          </option>
        ))}
      </select>
      <select
        className={css.menu}
        aria-label="Include a header"
        value=""
        onChange={({ target }) => changeProgram({ text: `%include "${target.value}"\n${settings.text}` })}
      >
        <option value="">Headers…</option>
        {library?.headers.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <Button look="bare" onClick={() => void openFile()}>
        Open file…
      </Button>
      <Button look="bare" onClick={() => saveFile(settings)}>
        Save file
      </Button>
      <select
        aria-label="Format"
        value={settings.format}
        onChange={({ target }) => changeProgram({ format: target.value as ProgramFormat })}
      >
        {FORMATS.map(([format, label]) => (
          <option key={format} value={format}>
            {label}
          </option>
        ))}
      </select>
      {settings.format === 'bin' && <FlatPlace settings={settings} />}
      <Check
        label="Stop at entry"
        checked={settings.stopAtEntry}
        onChange={(stopAtEntry) => changeProgram({ stopAtEntry })}
      />
      <Check label="Listing" checked={settings.listing} onChange={(listing) => changeProgram({ listing })} />
    </div>
  );
}

/** How a flat image starts; by itself as the source says. */
function FlatPlace({ settings }: { readonly settings: ProgramSettings }) {
  const flat = useProgram(({ result }) => result?.program?.flat ?? null);
  const own = MODES.find(([mode]) => mode === flat?.mode)?.[1];
  return (
    <>
      <select
        aria-label="Starts in"
        value={settings.mode ?? ''}
        onChange={({ target }) =>
          changeProgram({ mode: target.value === '' ? null : (target.value as FlatMode) })
        }
      >
        <option value="">By source{own ? `: ${own}` : ''}</option>
        {MODES.map(([mode, label]) => (
          <option key={mode} value={mode}>
            {label}
          </option>
        ))}
      </select>
      <AddressInput
        label="Load address"
        value={settings.address === null ? null : BigInt(settings.address)}
        placeholder={flat === null ? 'address: origin' : `origin, ${short(flat.address)}`}
        onChange={(address) => changeProgram({ address: address === null ? null : Number(address) })}
      />
    </>
  );
}

interface CheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

function Check({ label, checked, onChange }: CheckProps) {
  return (
    <label className={css.check}>
      <input type="checkbox" checked={checked} onChange={({ target }) => onChange(target.checked)} />
      {label}
    </label>
  );
}
