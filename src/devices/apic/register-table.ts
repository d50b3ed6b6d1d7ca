import type { ApicCore } from './core.ts';
import { ENTRY } from './lvt.ts';
import { DIVIDE_WRITABLE, ICR, LVT_TIMER_MODE_SHIFT, LVT_WRITABLE, REG, SVR, VERSION } from './registers.ts';

/** One register; without `write` it is read-only. */
export interface ApicRegister {
  readonly read: () => number;
  readonly write?: (value: number) => void;
}

type Row = readonly [number: number, register: ApicRegister];

/** The registers of `apic` by number; holes where there is none. */
export function registerTable(apic: ApicCore): ReadonlyArray<ApicRegister | undefined> {
  const { priority, timer } = apic;
  const x2 = () => apic.base.mode === 'x2apic';
  const rows: readonly Row[] = [
    [REG.ID, { read: () => (x2() ? apic.id : (apic.id << 24) >>> 0) }],
    [REG.VERSION, { read: () => VERSION }],
    [REG.TPR, { read: () => priority.taskPriority, write: (value) => apic.setTaskPriority(value & 0xff) }],
    [REG.PPR, { read: () => priority.processorPriority }],
    [REG.EOI, { read: () => 0, write: () => apic.endOfInterrupt() }],
    [REG.LDR, field(apic, 'logicalDestination', (value) => value & 0xff00_0000)],
    [REG.DFR, field(apic, 'destinationFormat', (value) => value | 0x0fff_ffff)],
    [
      REG.SVR,
      { read: () => apic.registers.spurious, write: (value) => apic.writeSpurious(value & SVR.WRITABLE) },
    ],
    ...bank(REG.ISR, (word) => priority.inService.word(word)),
    ...bank(REG.TMR, (word) => priority.levelTriggered.word(word)),
    ...bank(REG.IRR, (word) => priority.requested.word(word)),
    [REG.ESR, { read: () => apic.registers.errorStatus, write: () => apic.latchErrors() }],
    [
      REG.ICR_LOW,
      {
        read: () => apic.registers.icrLow,
        write: (value) => {
          apic.registers.icrLow = value & ICR.WRITABLE;
          apic.sendCommand();
        },
      },
    ],
    [REG.ICR_HIGH, field(apic, 'icrHigh', (value) => value & 0xff00_0000)],
    ...LVT_WRITABLE.map((_, index): Row => [REG.LVT_TIMER + index, lvtEntry(apic, index)]),
    [
      REG.INITIAL_COUNT,
      {
        read: () => timer.initialCount,
        write: (value) => {
          timer.initialCount = value;
        },
      },
    ],
    [REG.CURRENT_COUNT, { read: () => timer.currentCount }],
    [
      REG.DIVIDE,
      {
        read: () => timer.divide,
        write: (value) => {
          timer.divide = value & DIVIDE_WRITABLE;
        },
      },
    ],
  ];
  const table: Array<ApicRegister | undefined> = new Array(REG.SELF_IPI + 1).fill(undefined);
  for (const [number, register] of rows) table[number] = register;
  return table;
}

/** A register that only holds what is written, less the bits that `writable` takes away. */
function field(
  apic: ApicCore,
  name: 'logicalDestination' | 'destinationFormat' | 'icrHigh',
  writable: (value: number) => number,
): ApicRegister {
  return {
    read: () => apic.registers[name],
    write: (value) => {
      apic.registers[name] = writable(value) >>> 0;
    },
  };
}

function bank(first: number, word: (index: number) => number): Row[] {
  return Array.from({ length: 8 }, (_, index): Row => [first + index, { read: () => word(index) }]);
}

function lvtEntry(apic: ApicCore, index: number): ApicRegister {
  return {
    read: () => apic.lvt.read(index),
    write: (value) => {
      apic.lvt.write(index, value, (apic.registers.spurious & SVR.ENABLE) === 0);
      if (index === ENTRY.TIMER) apic.timer.setMode((value >> LVT_TIMER_MODE_SHIFT) & 3);
    },
  };
}
