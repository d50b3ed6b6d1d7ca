import { exitReason } from '../../arch/exit-reasons.ts';
import type { JournalInput } from '../../machine/journal.ts';
import type { History } from '../../machine/time/history.ts';
import type { StopReason } from '../../protocol/machine-view.ts';
import { causeText } from './crossing-texts.ts';
import type { LabMachine } from './lab-machine.ts';
import { matchEvent } from './stops/triggers.ts';

const INPUTS: Readonly<Record<JournalInput['kind'], string>> = {
  console: 'what was typed on the console',
  command: 'a command to the hypervisor',
  edit: 'an edit',
};

const AN_INSTRUCTION = 'this instruction';

/** Who it is that writes at the present instant, where a search has ended. The present stays. */
export function writerAt(machine: LabMachine, history: History): StopReason {
  const { computer } = machine;
  const { next } = computer.journal;
  const { processor } = computer;
  const on = machine.running(processor) ?? null;
  if (next?.position === computer.position) return { kind: 'writer', on: null, by: INPUTS[next.input.kind] };
  if (on === null) return { kind: 'writer', on, by: hypervisorText(machine) };
  return { kind: 'writer', on, by: whatHappens(machine, history) };
}

/** The hypervisor works on the VM exit that the current VMCS tells of, once there is one. */
function hypervisorText({ computer: { processor } }: LabMachine): string {
  const { current, exitReason: reason } = processor.virtualization;
  if (current < 0) return 'the hypervisor';
  return `the hypervisor, in its handler of ${exitReason(reason).name}`;
}

/** Lets it happen once, to see whether it is an instruction, and comes back. */
function whatHappens({ computer }: LabMachine, history: History): string {
  const here = history.now;
  const { processor } = computer;
  const { observer } = processor;
  const crossings = processor.crossings.count;
  let text = AN_INSTRUCTION;
  processor.observer = {
    delivering: ({ type, vector }) => {
      text = `the ${lowerFirst(matchEvent(type, vector).text as string)}`;
    },
    executed: () => {},
  };
  computer.step();
  processor.observer = observer;
  const [crossing] = processor.crossings.recent(crossings);
  if (crossing?.to === -1) text = `the VM exit for ${causeText(crossing.cause).detail}`;
  history.seek(here);
  return text;
}

const lowerFirst = (text: string): string => text[0].toLowerCase() + text.slice(1);
