/** What is known of a processor that cannot go on, in lines for people. */
import { GPR, SEG, VECTOR } from '../arch/registers.ts';
import type { Registers } from '../cpu/registers.ts';
import { STATE } from '../cpu/state.ts';
import type { StopReason } from '../cpu/system/context.ts';
import { type DeliveredEvent, EVENT_TYPE } from '../cpu/system/event.ts';
import type { Crash } from './bench.ts';

/** Describes why a processor stopped, with its registers. */
export function describeCrash(cpu: number, reason: StopReason, registers: Registers): Crash {
  return {
    kind: 'crash',
    reason: `CPU ${cpu}: ${headline(reason)}`,
    details: [...cause(reason), ...dump(registers)],
  };
}

function headline(reason: StopReason): string {
  switch (reason.kind) {
    case 'triple-fault':
      return 'triple fault (shutdown)';
    case 'unmodelled':
      return `the guest needs what this computer does not have: ${reason.what}`;
  }
}

function cause(reason: StopReason): string[] {
  if (reason.kind !== 'triple-fault') return [];
  return reason.chain.map((event, index) => `${index === 0 ? 'first' : '  then'}: ${eventText(event)}`);
}

function eventText({ type, vector, errorCode, detail }: DeliveredEvent): string {
  const mnemonic = Object.entries(VECTOR).find(([, number]) => number === vector)?.[0];
  const isException = type === EVENT_TYPE.EXCEPTION || type === EVENT_TYPE.SOFTWARE_EXCEPTION;
  const name = isException && mnemonic !== undefined ? `#${mnemonic}` : `interrupt ${vector}`;
  const error = errorCode < 0 ? '' : `, error code ${hex(errorCode)}`;
  return `${name}${error}${isException && vector === VECTOR.PF ? `, address ${hex(detail)}` : ''}`;
}

const hex = (value: number): string =>
  `0x${value < 0 ? BigInt.asUintN(64, BigInt(value)).toString(16) : value.toString(16)}`;

/** Registers, four to a line. */
function dump(r: Registers): string[] {
  const wide = (offset: number) =>
    r.hi(offset).toString(16).padStart(8, '0') + r.lo(offset).toString(16).padStart(8, '0');
  const cells = [
    ...Object.entries(GPR).map(([name, n]) => [name, wide(8 * n)]),
    ...(['RIP', 'CR0', 'CR2', 'CR3', 'CR4', 'EFER'] as const).map((name) => [name, wide(STATE[name])]),
    ['RFLAGS', (r.rflags >>> 0).toString(16).padStart(16, '0')],
  ].map(([name, value]) => `${name.padStart(6)} ${value}`);
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += 4) lines.push(cells.slice(i, i + 4).join(' '));
  const segments = (['CS', 'SS', 'DS', 'ES', 'FS', 'GS'] as const).map((name) => {
    const { selector, base } = r.segment(SEG[name]);
    return `${name} ${selector.toString(16).padStart(4, '0')} (base ${hex(base)})`;
  });
  return [...lines, `CPL ${r.cpl}  ${segments.join('  ')}`];
}
