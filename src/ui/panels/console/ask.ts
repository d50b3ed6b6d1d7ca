import type { Terminal } from '@xterm/xterm';
import { report, say } from '../../../client/notices.ts';
import type { VmId } from '../../../protocol/target.ts';
import { isRunning, whoWrote } from '../../actions.ts';
import { openMenu } from '../../context-menu/menu.ts';
import { whoWroteItem } from '../../context-menu/who-wrote.ts';
import { cellAt, characterName, lastCharacter, movedBy, point } from './pointing.ts';
import type { CellPlace, ConsoleTrace } from './trace.ts';

/** "Who wrote this?" of a console's characters: by the context menu, or by Shift+F9, arrow keys and Enter. */
export class ConsoleAsker {
  readonly #vm: VmId;
  readonly #terminal: Terminal;
  readonly #trace: ConsoleTrace;
  /** Chosen by keys; undefined: keys go to the guest. */
  #place: CellPlace | undefined;

  constructor(vm: VmId, terminal: Terminal, trace: ConsoleTrace) {
    this.#vm = vm;
    this.#terminal = terminal;
    this.#trace = trace;
    terminal.attachCustomKeyEventHandler((event) => !this.#takes(event));
  }

  readonly onContextMenu = (event: MouseEvent): void => {
    // Ctrl with the main button is a Mac's right click.
    const byKey = event.button !== 2 && !event.ctrlKey;
    const place = byKey
      ? lastCharacter(this.#terminal)
      : cellAt(this.#terminal, event.clientX, event.clientY);
    if (place === undefined) return;
    event.preventDefault();
    const terminal = this.#terminal;
    const name = characterName(terminal, place);
    const selected = terminal.getSelection();
    openMenu({
      title: name,
      x: event.clientX,
      y: event.clientY,
      items: [
        whoWroteItem(name, () => void this.#ask(place)),
        {
          label: 'Copy',
          act: () => void navigator.clipboard.writeText(selected),
          hindrance: selected === '' ? 'Nothing is selected.' : null,
        },
        {
          label: 'Paste',
          act: () => void navigator.clipboard.readText().then((text) => terminal.paste(text)),
          hindrance: null,
        },
      ],
    });
  };

  /** @returns whether a key is not for the guest */
  #takes(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown') return false;
    const taken = this.#place === undefined ? this.#begins(event) : this.#moves(event, this.#place);
    if (taken) event.preventDefault();
    return taken;
  }

  #begins({ key, shiftKey, ctrlKey }: KeyboardEvent): boolean {
    if (key !== 'F9' || !shiftKey || ctrlKey) return false;
    this.#choose(lastCharacter(this.#terminal));
    return true;
  }

  #moves({ key }: KeyboardEvent, from: CellPlace): boolean {
    const to = movedBy(key, from, this.#terminal);
    if (to !== undefined) {
      this.#choose(to);
      return true;
    }
    // A key that is only held, as Shift.
    if (MODIFIERS.has(key)) return false;
    this.#place = undefined;
    this.#terminal.clearSelection();
    if (key === 'Enter') void this.#ask(from);
    return key === 'Enter' || key === 'Escape';
  }

  #choose(place: CellPlace): void {
    this.#place = place;
    point(this.#terminal, place);
    const { col, row } = place;
    say(
      `${characterName(this.#terminal, place)} in line ${row + 1}, column ${col + 1}. Enter: who wrote it?`,
    );
  }

  async #ask(place: CellPlace): Promise<void> {
    if (isRunning()) {
      const what = 'Time has to stand still for that.';
      report({ what, where: null, remedy: 'Pause first, then ask who wrote it.' });
      return;
    }
    try {
      const index = await this.#trace.originOf(place);
      if (index === undefined) {
        const what = 'Nothing has been printed there.';
        report({ what, where: null, remedy: 'Choose a character.' });
      } else whoWrote({ kind: 'output', back: this.#trace.length - 1 - index }, { vm: this.#vm, vcpu: 0 });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const what = `Who wrote it cannot be said: ${error.message}.`;
      report({ what, where: null, remedy: 'Go back to an earlier instant and ask there.' });
    }
  }
}

const MODIFIERS: ReadonlySet<string> = new Set(['Shift', 'Control', 'Alt', 'Meta']);
