import { useEffect } from 'react';
import {
  isRunning,
  microStep,
  microStepBack,
  pause,
  run,
  runBack,
  runToExit,
  stepBack,
  stepBackOut,
  stepBackOver,
  stepInto,
  stepOut,
  stepOver,
  toggleBreakpointAtRip,
} from './actions.ts';
import { focusNextTab, focusOtherSide } from './workspace/focus.ts';

export interface KeyBinding {
  /** As `KeyboardEvent.key`, with `Ctrl+`, `Alt+` or `Shift+` before it where needed. */
  readonly keys: readonly string[];
  readonly does: string;
  readonly act: () => void;
  /** Held down, it acts again and again. */
  readonly repeats?: boolean;
}

/** What a key opens or brings to the front. */
interface Openers {
  readonly openHelp: () => void;
  readonly openGuest: () => void;
  readonly openPalette: () => void;
  /** The panel of micro-operations. */
  readonly showMicro: () => void;
}

/**
 * The debugger keys of VS Code, wherever it has one for the same thing. Ctrl+Alt+F11 would be the system's on
 * Linux: it changes to another console.
 */
export function keyBindings({ openHelp, openGuest, openPalette, showMicro }: Openers): readonly KeyBinding[] {
  const micro = (does: string, key: string, step: () => void): KeyBinding => ({
    keys: [key],
    does,
    repeats: true,
    act: () => {
      showMicro();
      step();
    },
  });
  return [
    { keys: ['F5'], does: 'Run', act: run },
    { keys: ['F6', 'Shift+F5'], does: 'Pause', act: pause },
    { keys: ['F11'], does: 'Step an instruction, or as many as "Steps" says', act: stepInto },
    micro('One micro-operation of the next instruction, event or VM exit', 'Alt+F11', microStep),
    micro('Back one micro-operation', 'Alt+Shift+F11', microStepBack),
    { keys: ['F10'], does: 'Step over a call', act: stepOver },
    { keys: ['Shift+F11'], does: 'Run to the next VM exit (out of the guest)', act: runToExit },
    { keys: ['Shift+F10'], does: 'Step out of a procedure', act: stepOut },
    { keys: ['Ctrl+Shift+F10'], does: 'Step back out of a procedure, to its call', act: stepBackOut },
    { keys: ['Ctrl+F11'], does: 'Step back an instruction, or as many as "Steps" says', act: stepBack },
    { keys: ['Ctrl+F10'], does: 'Step back over a call', act: stepBackOver },
    {
      keys: ['Ctrl+F5'],
      does: 'Run back to the previous stop (breakpoints and all others that are set)',
      act: () => runBack('breakpoint'),
    },
    { keys: ['F9'], does: 'Set or clear a breakpoint at RIP', act: toggleBreakpointAtRip },
    { keys: ['p'], does: 'Run or pause', act: () => (isRunning() ? pause() : run()) },
    { keys: ['o'], does: 'Open a kernel or program', act: openGuest },
    {
      keys: ['F8'],
      does: 'Go to the next group of panels; arrow keys choose among its tabs',
      act: () => focusNextTab(1),
    },
    { keys: ['Shift+F8'], does: 'Go to the previous group of panels', act: () => focusNextTab(-1) },
    { keys: ['F7'], does: 'From a tab into its panel, and back', act: focusOtherSide },
    { keys: ['F1', 'Ctrl+k'], does: 'Find a command, panel or machine by its name', act: openPalette },
    { keys: ['?'], does: 'Show this help', act: openHelp },
  ];
}

/** Listens before anything else does, so that the debugger keys also work inside a console. */
export function useKeys(bindings: readonly KeyBinding[]): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.metaKey) return;
      const name = nameOf(event);
      const binding = bindings.find(({ keys }) => keys.includes(name));
      if (binding === undefined || takes(event.target, name)) return;
      if (!FUNCTION_KEY.test(name) && typing(event.target)) return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat || binding.repeats || REPEATING.has(binding.act)) binding.act();
    };
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, [bindings]);
}

/** All other keys belong to the text field, dialog or terminal that has the focus. */
const FUNCTION_KEY = /F\d+$/;

/** What a key that is held down does again and again. */
const REPEATING: ReadonlySet<() => void> = new Set([stepInto, stepOver, stepBack, stepBackOver]);

function nameOf({ ctrlKey, altKey, shiftKey, key }: KeyboardEvent): string {
  const shift = shiftKey && key.length > 1 ? 'Shift+' : '';
  return `${ctrlKey ? 'Ctrl+' : ''}${altKey ? 'Alt+' : ''}${shift}${key}`;
}

/** An element whose `data-own-keys` names the key does something of its own with it. */
function takes(target: EventTarget | null, key: string): boolean {
  return target instanceof Element && target.closest(`[data-own-keys~="${key}"]`) !== null;
}

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.matches('input, textarea, select') ||
      target.isContentEditable ||
      target.closest('dialog') !== null)
  );
}
