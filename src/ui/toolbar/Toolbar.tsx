import { useLab, useView } from '../../client/lab-store.ts';
import { useWatch } from '../../client/watch.ts';
import type { MachineView } from '../../protocol/machine-view.ts';
import { sameVcpu } from '../../protocol/target.ts';
import { focusOn, pause, run, runToExit, stepInto, stepOver } from '../actions.ts';
import { GdbState } from '../bridge/GdbState.tsx';
import { GDB_RUNS, useGdbRuns } from '../bridge/use-gdb-runs.ts';
import { Button } from '../widgets/Button.tsx';
import { Logo } from './Logo.tsx';
import { Readings } from './Readings.tsx';
import { StatusText } from './StatusText.tsx';
import css from './Toolbar.module.css';
import { ViewMenu, type ViewMenuProps } from './ViewMenu.tsx';

interface Props extends ViewMenuProps {
  readonly onOpen: () => void;
  readonly onHelp: () => void;
  readonly gdbDialog: boolean;
}

export function Toolbar({ onOpen, onHelp, gdbDialog, ...view }: Props) {
  useWatch(true, 'machine', 'vms', 'gdb');
  return (
    <header className={css.toolbar}>
      <h1 className={css.brand}>
        <Logo /> Ringlab
      </h1>
      <Controls />
      <StatusText />
      <GdbState onOpen={view.onGdb} open={gdbDialog} />
      <Readings />
      <div className={css.group}>
        <Button icon="open" onClick={onOpen} title="Open a kernel or program (O)">
          Open…
        </Button>
        <ViewMenu {...view} />
        <Button icon="help" look="bare" aria-label="Help" title="Help and keys (?)" onClick={onHelp} />
      </div>
    </header>
  );
}

function Controls() {
  const machine = useView('machine');
  const running = machine?.running ?? false;
  const focus = useLab((state) => state.focus);
  const ofGdb = useGdbRuns();
  const still = !running && focus !== null && !ofGdb;
  const titleOf = (title: string) => (ofGdb ? GDB_RUNS : title);
  return (
    <div className={css.group} role="toolbar" aria-label="Run control">
      {running ? (
        <Button look="primary" icon="pause" className={css.run} onClick={pause} title={pauseTitle(machine)}>
          Pause
        </Button>
      ) : (
        <Button
          look="primary"
          icon="run"
          className={css.run}
          disabled={ofGdb}
          onClick={run}
          title={titleOf('Run (F5)')}
        >
          Run
        </Button>
      )}
      <Button icon="into" disabled={!still} onClick={stepInto} title={titleOf('Step instructions (F11)')}>
        Step
      </Button>
      <Button icon="over" disabled={!still} onClick={stepOver} title={titleOf('Step over a call (F10)')}>
        Over
      </Button>
      <Button
        icon="exit"
        disabled={!still}
        onClick={runToExit}
        title={titleOf('Run to the next VM exit (Shift+F11)')}
      >
        To exit
      </Button>
      <FocusChooser />
    </div>
  );
}

/** Steps back that are given up leave time where they began. */
function pauseTitle(machine: MachineView | null | undefined): string {
  const steps = machine?.steps ?? null;
  if (steps === null) return 'Pause (F6)';
  return steps.backwards ? 'Give up the steps back (F6)' : 'End the steps here (F6)';
}

function FocusChooser() {
  const vms = useView('vms') ?? [];
  const focus = useLab((state) => state.focus);
  const all = vms.flatMap(({ id, name, vcpus }) =>
    Array.from({ length: vcpus }, (_, vcpu) => ({
      on: { vm: id, vcpu },
      label: `${id} ${name} · vCPU ${vcpu}`,
    })),
  );
  const chosen = all.findIndex(({ on }) => sameVcpu(on, focus));
  if (all.length === 0) return null;
  return (
    <select
      className={css.focus}
      aria-label="Virtual CPU in focus"
      title="Registers, code, page walk and steps are of this virtual CPU"
      value={chosen}
      onChange={(event) => {
        const to = all[Number(event.target.value)];
        if (to) focusOn(to.on);
      }}
    >
      {chosen < 0 && <option value={-1}>no vCPU</option>}
      {all.map(({ label }, index) => (
        <option key={label} value={index}>
          {label}
        </option>
      ))}
    </select>
  );
}
