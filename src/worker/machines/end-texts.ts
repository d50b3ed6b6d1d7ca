import { VECTOR } from '../../arch/registers.ts';
import { type DeliveredEvent, EVENT_TYPE } from '../../cpu/system/event.ts';
import type { VmEnd } from '../../hypervisor/vm.ts';
import type { ComputerStop } from '../../machine/computer.ts';
import { unsigned64 } from '../views/numbers.ts';

/** Why a computer stopped by itself, in a sentence. */
export function endText(stop: ComputerStop): string {
  switch (stop.kind) {
    case 'power-off':
      return 'Powered off.';
    case 'reset':
      return 'The guest reset the machine.';
    case 'exit':
      return `Ended by the debug exit port with status ${stop.status}.`;
    case 'crash':
      if (stop.reason.kind === 'unmodelled')
        return `Needs what the machine does not have: ${stop.reason.what}.`;
      return `Triple fault at ${hex(stop.reason.rip)}: ${stop.reason.chain.map(eventName).join(', then ')}.`;
    default:
      return `Stopped: ${stop.kind}.`;
  }
}

function eventName({ type, vector }: DeliveredEvent): string {
  if (type !== EVENT_TYPE.EXCEPTION) return `interrupt ${vector}`;
  const name = Object.entries(VECTOR).find(([, number]) => number === vector)?.[0];
  return name === undefined ? `exception ${vector}` : `#${name}`;
}

function hex(rip: number): string {
  return `0x${unsigned64(rip).toString(16)}`;
}

/** Why a VM will not run again, in a sentence. */
export function vmEndText(end: VmEnd): string {
  switch (end.kind) {
    case 'power-off':
      return 'Powered off.';
    case 'reset':
      return 'The guest reset the machine.';
    case 'exit':
      return `Ended by the debug exit port with status ${end.status}.`;
    case 'triple-fault':
      return `Triple fault at ${hex(end.rip)} on vCPU ${end.vcpu}.`;
    case 'entry-failure':
      return `VM entry of vCPU ${end.vcpu} failed: ${end.why}`;
    case 'unhandled-exit':
      return `At ${hex(end.rip)} on vCPU ${end.vcpu}: ${end.why}.`;
    case 'out-of-memory':
      return 'No host page frame was left for it.';
  }
}
