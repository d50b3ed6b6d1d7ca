import type { Clock } from '../../contracts/clock.ts';
import type { LocalApic } from '../../devices/apic/local-apic.ts';
import type { DeviceView } from '../../protocol/devices-view.ts';
import { hex, instant, yesNo } from './device-texts.ts';

const ENTRIES = ['timer', 'thermal', 'performance', 'LINT0', 'LINT1', 'error'] as const;
const DELIVERY = [
  'fixed',
  'lowest priority',
  'SMI',
  'reserved',
  'NMI',
  'INIT',
  'start-up',
  'ExtINT',
] as const;
const TIMER_MODES = ['one-shot', 'periodic', 'TSC deadline', 'reserved'] as const;
const BASE = { EXTD: 0x400, ENABLED: 0x800 } as const;
const SVR_ENABLE = 0x100;

/** SDM volume 3A, "Advanced Programmable Interrupt Controller (APIC)". */
export function localApicView(apic: LocalApic, vcpu: number, clock: Clock): DeviceView {
  const { registers, priority, lvt, timer, base } = apic.save();
  const mode = base.lo & BASE.ENABLED ? (base.lo & BASE.EXTD ? 'x2APIC' : 'xAPIC') : 'off';
  return {
    name: `Local APIC of vCPU ${vcpu}`,
    facts: [
      {
        name: 'mode',
        value: `${mode}, ${registers.spurious & SVR_ENABLE ? 'enabled' : 'disabled'} by software`,
      },
      { name: 'task priority', value: hex(priority.taskPriority, 2) },
      { name: 'requested (IRR)', value: vectors(priority.requested) },
      { name: 'in service (ISR)', value: vectors(priority.inService) },
      { name: 'level-triggered (TMR)', value: vectors(priority.levelTriggered) },
      { name: 'spurious vector', value: hex(registers.spurious & 0xff, 2) },
      { name: 'errors (ESR)', value: hex(registers.errorStatus, 2) },
      { name: 'timer', value: `${TIMER_MODES[timer.mode] ?? ''}, initial count ${timer.initialCount}` },
      { name: 'timer expires', value: instant(timer.expiresAt, clock) },
    ],
    table: {
      caption: 'Local vector table',
      columns: ['entry', 'vector', 'delivery', 'trigger', 'masked', 'pin active'],
      rows: ENTRIES.map((name, n) => {
        const entry = lvt.entries[n] ?? 0;
        const pin = name === 'LINT0' ? lvt.pins[0] : name === 'LINT1' ? lvt.pins[1] : undefined;
        return [
          name,
          hex(entry & 0xff, 2),
          name === 'timer' || name === 'error' ? 'fixed' : (DELIVERY[(entry >> 8) & 7] ?? ''),
          entry & 0x8000 ? 'level' : 'edge',
          yesNo(entry & 0x1_0000),
          pin === undefined ? '' : yesNo(pin),
        ];
      }),
    },
  };
}

/** Vectors of a set that is saved as eight words, in hexadecimal. */
function vectors(words: readonly number[]): string {
  const all = words.flatMap((word, i) =>
    Array.from({ length: 32 }, (_, bit) => ((word >>> bit) & 1 ? 32 * i + bit : -1)).filter((v) => v >= 0),
  );
  return all.length === 0 ? 'none' : all.map((vector) => hex(vector, 2)).join(' ');
}
