import { Command } from 'cmdk';
import { useEffect, useRef } from 'react';
import { flushSync } from 'react-dom';
import { useView } from '../../client/lab-store.ts';
import { Dialog } from '../dialogs/Dialog.tsx';
import type { KeyBinding } from '../keys.ts';
import { KeyNames } from '../widgets/KeyNames.tsx';
import { type PageActions, paletteCommands } from './commands.ts';
import { fitness } from './fitness.ts';
import css from './Palette.module.css';

interface Props {
  readonly bindings: readonly KeyBinding[];
  readonly page: PageActions;
  readonly onClose: () => void;
}

/** Everything that the page can do, found by typing a part of its name. */
export function Palette({ bindings, page, onClose }: Props) {
  const vms = useView('vms') ?? [];
  const input = useRef<HTMLInputElement>(null);
  // After the dialog has opened, which gives its first button the focus.
  useEffect(() => input.current?.focus(), []);
  const choose = (act: () => void) => {
    // The dialog gives the focus back as it closes; a command may move it after that.
    flushSync(onClose);
    act();
  };
  return (
    <Dialog title="Commands" onClose={onClose}>
      <Command label="Commands" loop filter={fitness} className={css.palette}>
        <Command.Input ref={input} placeholder="Type a part of a command's name" className={css.input} />
        <Command.List className={css.list}>
          <Command.Empty className={css.empty}>Nothing is called so.</Command.Empty>
          {paletteCommands(bindings, vms, page).map(({ name, keys, act }) => (
            <Command.Item key={name} value={name} className={css.item} onSelect={() => choose(act)}>
              <span>{name}</span>
              <KeyNames keys={keys} />
            </Command.Item>
          ))}
        </Command.List>
      </Command>
    </Dialog>
  );
}
