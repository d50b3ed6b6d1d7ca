/** What is known of a processor that cannot go on, in lines for people. */
import { GPR, SEG, VECTOR } from '../arch/registers.ts';
import { FIELD } from '../arch/vmcs.ts';
import type { Registers } from '../cpu/registers.ts';
import { STATE } from '../cpu/state.ts';
import type { StopReason } from '../cpu/system/context.ts';
import { type DeliveredEvent, EVENT_TYPE } from '../cpu/system/event.ts';
import type { Vcpu } from '../hypervisor/vcpu.ts';
import type { VmEnd } from '../hypervisor/vm.ts';
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

/** Describes why a virtual machine ended. The registers are those of the virtual CPU's VMCS. */
export function describeVmCrash(end: VmCrash, vcpu: Vcpu): Crash {
  return { kind: 'crash', reason: `vCPU ${end.vcpu}: ${vmHeadline(end)}`, details: dumpVcpu(vcpu) };
}

type VmCrash = Extract<VmEnd, { vcpu: number }>;

function vmHeadline(end: VmCrash): string {
  switch (end.kind) {
    case 'triple-fault':
      return `triple fault (VM exit 2) at ${hex(end.rip)}`;
    case 'entry-failure':
    case 'unhandled-exit':
      return end.why;
    case 'out-of-memory':
      return 'no host page frame is left for the guest';
  }
}

function dumpVcpu(vcpu: Vcpu): string[] {
  const cpu = vcpu.loadedOn;
  if (!cpu) return ['its registers are not in a processor'];
  const { gprs } = cpu;
  const pair = (lo: number, hi: number) =>
    (hi >>> 0).toString(16).padStart(8, '0') + (lo >>> 0).toString(16).padStart(8, '0');
  const cells = Object.entries(GPR)
    .filter(([name]) => name !== 'RSP')
    .map(([name, n]) => [name, pair(gprs[2 * n], gprs[2 * n + 1])]);
  for (const name of ['RSP', 'RIP', 'RFLAGS', 'CR0', 'CR3', 'CR4'] as const) {
    const field = FIELD[`GUEST_${name}`];
    cells.push([name, pair(cpu.vmread(field), cpu.vmreadHigh(field))]);
  }
  cells.push(['CS', pair(cpu.vmread(FIELD.GUEST_CS_SELECTOR), 0)]);
  cells.push(['CR2', pair(cpu.cr2Lo, cpu.cr2Hi)]);
  return fourToALine(cells);
}

/** Registers, four to a line. */
function dump(r: Registers): string[] {
  const wide = (offset: number) =>
    r.hi(offset).toString(16).padStart(8, '0') + r.lo(offset).toString(16).padStart(8, '0');
  const cells = [
    ...Object.entries(GPR).map(([name, n]) => [name, wide(8 * n)]),
    ...(['RIP', 'CR0', 'CR2', 'CR3', 'CR4', 'EFER'] as const).map((name) => [name, wide(STATE[name])]),
    ['RFLAGS', (r.rflags >>> 0).toString(16).padStart(16, '0')],
  ];
  const lines = fourToALine(cells);
  const segments = (['CS', 'SS', 'DS', 'ES', 'FS', 'GS'] as const).map((name) => {
    const { selector, base } = r.segment(SEG[name]);
    return `${name} ${selector.toString(16).padStart(4, '0')} (base ${hex(base)})`;
  });
  return [...lines, `CPL ${r.cpl}  ${segments.join('  ')}`];
}

function fourToALine(cells: readonly (readonly string[])[]): string[] {
  const texts = cells.map(([name, value]) => `${name.padStart(6)} ${value}`);
  const lines: string[] = [];
  for (let i = 0; i < texts.length; i += 4) lines.push(texts.slice(i, i + 4).join(' '));
  return lines;
}
