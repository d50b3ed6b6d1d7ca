import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef } from 'react';
import { command, consoles } from '../../../client/lab.ts';
import { useView } from '../../../client/lab-store.ts';
import type { VmId } from '../../../protocol/target.ts';
import { useThemeName } from '../../theme.ts';
import { ConsoleAsker } from './ask.ts';
import css from './Console.module.css';
import { terminalTheme } from './terminal-theme.ts';
import { ConsoleTrace } from './trace.ts';

const SCROLLBACK = 5000;

const encoder = new TextEncoder();

/** The serial console of one machine. */
export function Console({ vm, visible }: { readonly vm: VmId; readonly visible: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(null);
  const theme = useThemeName();
  const name = useView('vms')?.find(({ id }) => id === vm)?.name ?? `machine ${vm}`;

  useEffect(() => {
    if (host.current === null) return;
    const term = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-code'),
      fontSize: 12,
      lineHeight: 1.15,
      scrollback: SCROLLBACK,
      convertEol: false,
      cursorBlink: false,
      screenReaderMode: false,
      theme: terminalTheme(),
      minimumContrastRatio: 4.5,
    });
    const fit = new FitAddon();
    term.loadAddon(fit);
    term.open(host.current);
    terminal.current = term;
    const resize = new ResizeObserver(() => fit.fit());
    resize.observe(host.current);
    const trace = new ConsoleTrace(SCROLLBACK, term);
    term.onResize((size) => trace.resize(size));
    // What is written takes effect later, perhaps after a change of size: the trace has it when it did.
    const detach = consoles.attach(vm, (bytes, restart) =>
      term.write(bytes, () => (restart ? trace.restart(term) : trace.print(bytes))),
    );
    const asker = new ConsoleAsker(vm, term, trace);
    host.current.addEventListener('contextmenu', asker.onContextMenu);
    const input = (bytes: Uint8Array) => void command({ kind: 'console-input', vm, bytes });
    term.onData((text) => input(encoder.encode(text)));
    term.onBinary((text) => input(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    return () => {
      detach();
      resize.disconnect();
      term.dispose();
      terminal.current = null;
    };
  }, [vm]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read anew when the theme's name changes
  useEffect(() => {
    if (terminal.current !== null) terminal.current.options.theme = terminalTheme();
  }, [theme]);

  useEffect(() => {
    if (terminal.current?.textarea)
      terminal.current.textarea.ariaLabel = `Console of ${name}: Tab goes to the guest, F8 leads out`;
  }, [name]);

  return (
    <section className={css.console} aria-label={`Console of ${name}`} data-vm={vm} hidden={!visible}>
      <div ref={host} className={css.screen} />
    </section>
  );
}
