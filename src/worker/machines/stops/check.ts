import { EXIT_REASONS } from '../../../arch/exit-reasons.ts';
import type { StopSettings, StopTrigger } from '../../../protocol/stops.ts';
import { Refusal } from '../../refusal.ts';

/** Bytes that one stop may watch. */
const LONGEST = 4096;

/** A field of a trigger, and what it may hold. */
interface Rule {
  readonly field: string;
  readonly value: number | bigint | null;
  readonly from: number;
  readonly to: number | bigint;
}

const isExitReason = (reason: number): boolean => EXIT_REASONS.some(({ number }) => number === reason);
const LAST_ADDRESS = (1n << 64n) - 1n;

const address = (value: bigint): Rule => ({ field: 'address', value, from: 0, to: LAST_ADDRESS });

function rulesOf(trigger: StopTrigger): readonly Rule[] {
  switch (trigger.kind) {
    case 'address':
    case 'page-table':
    case 'execute':
      return [address(trigger.address)];
    case 'read':
    case 'write':
      return [address(trigger.address), { field: 'length', value: trigger.length, from: 1, to: LONGEST }];
    case 'vm-exit':
      return [];
    case 'hypercall':
      return [{ field: 'number', value: trigger.number, from: 0, to: 0xffff_ffff }];
    case 'event':
      return [{ field: 'vector', value: trigger.vector, from: 0, to: 255 }];
    case 'crossing':
      return [
        { field: 'from', value: trigger.from, from: -1, to: 3 },
        { field: 'to', value: trigger.to, from: -1, to: 3 },
      ];
    case 'msr':
      return [{ field: 'index', value: trigger.index, from: 0, to: 0xffff_ffff }];
    case 'port':
      return [{ field: 'port', value: trigger.port, from: 0, to: 0xffff }];
    case 'console':
    case 'cr3':
      return [];
  }
}

/** Throws `Refusal` that names the field. */
export function checkTrigger({ trigger, vm, fromHit }: StopSettings): void {
  const rules = [...rulesOf(trigger), { field: 'fromHit', value: fromHit, from: 1, to: 1e9 }];
  for (const { field, value, from, to } of rules) {
    if (value === null) continue;
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    if (!whole || value < from || value > to) {
      throw new Refusal(`${value} is not possible.`, field, `Choose a whole number from ${from} to ${to}.`);
    }
  }
  if (trigger.kind === 'vm-exit' && trigger.reason !== null && !isExitReason(trigger.reason)) {
    throw new Refusal(`There is no exit reason ${trigger.reason}.`, 'reason', 'Choose one of the list.');
  }
  if (trigger.kind === 'console' && trigger.text === '') {
    throw new Refusal('There is no text to wait for.', 'text', 'Type what the console is to show.');
  }
  const isOfSpace =
    trigger.kind === 'page-table' || ('space' in trigger && trigger.space !== 'host-physical');
  if (isOfSpace && vm === null) {
    throw new Refusal('The address is of one machine.', 'vm', 'Choose the machine.');
  }
}
