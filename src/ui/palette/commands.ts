import { setTheme } from '../../client/settings.ts';
import type { VmView } from '../../protocol/machine-view.ts';
import { machineTag } from '../../protocol/target.ts';
import type { BackTo } from '../../protocol/timeline-view.ts';
import { focusOn, runBack, setTier2 } from '../actions.ts';
import type { KeyBinding } from '../keys.ts';
import { THEMES } from '../theme.ts';
import { seekToEnd } from '../timeline/seeking.ts';
import { askStateHash } from '../timeline/state-hash.ts';
import { TARGETS } from '../timeline/Timeline.tsx';
import { consoleTitle } from '../workspace/docking.ts';
import { PANELS, type PanelKind } from '../workspace/panels.tsx';

export interface PaletteCommand {
  readonly name: string;
  /** That do the same without the palette. */
  readonly keys: readonly string[];
  readonly act: () => void;
}

/** What only the page as a whole can do. */
export interface PageActions {
  readonly openPalette: () => void;
  readonly goToPanel: (panel: PanelKind) => void;
  readonly goToConsole: (vm: VmView) => void;
  readonly resetLayout: () => void;
  readonly connectGdb: () => void;
}

/** Everything that has a name, in the order in which it is listed before anything is typed. */
export function paletteCommands(
  bindings: readonly KeyBinding[],
  vms: readonly VmView[],
  { openPalette, goToPanel, goToConsole, resetLayout, connectGdb }: PageActions,
): readonly PaletteCommand[] {
  const command = (name: string, act: () => void): PaletteCommand => ({ name, keys: [], act });
  return [
    ...bindings
      .filter(({ act }) => act !== openPalette)
      .map(({ does, keys, act }) => ({ name: does, keys, act })),
    command('Time: the beginning of this history', () => seekToEnd('from')),
    command('Time: the latest instant', () => seekToEnd('to')),
    command('Time: hash of the whole state now', () => void askStateHash()),
    ...(Object.entries(TARGETS) as [BackTo, string][]).map(([to, name]) =>
      command(`Time: back to the previous ${name}`, () => runBack(to)),
    ),
    ...(Object.keys(PANELS) as PanelKind[]).map((kind) =>
      command(`Panel: ${PANELS[kind].name}`, () => goToPanel(kind)),
    ),
    ...vms.map((vm) => command(consoleTitle(vm), () => goToConsole(vm))),
    ...vms.flatMap(({ id, name, vcpus }) =>
      Array.from({ length: vcpus }, (_, vcpu) =>
        command(`Look at vCPU ${vcpu} of ${machineTag(id)} ${name}`, () => focusOn({ vm: id, vcpu })),
      ),
    ),
    command('Connect gdb…', connectGdb),
    command('Second tier on: compile hot code', () => setTier2(true)),
    command('Second tier off: interpret all code', () => setTier2(false)),
    command('Reset all panels', resetLayout),
    ...THEMES.map(([theme, label]) => command(`Theme: ${label}`, () => setTheme(theme))),
  ];
}
