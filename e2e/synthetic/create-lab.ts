import type { RunSegment } from '../../src/protocol/hypervisor-view.ts';
import type { StopReason, VmView } from '../../src/protocol/machine-view.ts';
import type { ConsoleChunk } from '../../src/protocol/messages.ts';
import type { BitField, RegisterView } from '../../src/protocol/processor-view.ts';
import type { Crossing, CrossingCause, RingPosition } from '../../src/protocol/rings-view.ts';
import type { Ring, VcpuRef } from '../../src/protocol/target.ts';
import type { NestedWalk, TableEntry } from '../../src/protocol/walk-view.ts';
import type { Budget, Goal, Lab, SliceOutcome } from '../../src/worker/lab.ts';
import { Refusal } from '../../src/worker/refusal.ts';
import { codeView } from '../../src/worker/views/code.ts';
import { longModeState } from '../../src/worker/views/testing.ts';

/** An invented lab for work on the page alone. Nothing in it is simulated; it is in no build. */

const HZ = 1_000_000_000;
/** push rbp; mov rbp,rsp; mov rax,cr3; cpuid; nop; hlt; call; repeated every 16 bytes. */
const CODE = [0x55, 0x48, 0x89, 0xe5, 0x0f, 0x20, 0xd8, 0x0f, 0xa2, 0x90, 0xf4, 0xe8, 0, 1, 0, 0];
const encoder = new TextEncoder();
let seed = 1;
const random = (n: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
};

const PATHS: readonly (readonly [Ring, Ring, CrossingCause, string, number])[] = [
  [3, 0, 'syscall', 'write', 58],
  [0, -1, 'vm-exit', 'I/O instruction, port 3F8h', 780],
  [-1, 0, 'vm-entry', 'VMRESUME', 410],
  [0, 3, 'sysret', '', 44],
  [3, 0, 'interrupt', 'vector 32', 310],
  [0, 3, 'iret', '', 190],
  [3, 0, 'exception', '#PF 0x401000', 330],
  [0, -1, 'vm-exit', 'EPT violation', 910],
  [-1, 0, 'vm-entry', 'VMRESUME', 410],
  [0, 3, 'iret', '', 190],
];

function bit(name: string, low: number, value: bigint, meaning: string, high = low): BitField {
  return { name, high, low, value: (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n), meaning };
}

function register(name: string, value: bigint, fields: readonly BitField[] = []): RegisterView {
  return { name, value, bits: 64, changed: false, fields };
}

export function createLab(): Lab {
  let cycles = 0;
  let instructions = 0;
  let goal: Goal = { kind: 'free' };
  const output: ConsoleChunk[] = [];
  const state = new Map<number, VmView['state']>([
    [1, 'running'],
    [2, 'running'],
  ]);
  const names = ['tasks', 'tasks-pv'];
  const step = [0, 4];
  const recent: Crossing[] = [];
  const segments: RunSegment[] = [];
  const breakpoints = new Set<bigint>();
  let sequence = 0;
  const print = (vm: number, text: string) => output.push({ vm, bytes: encoder.encode(text) });
  for (const vm of [1, 2])
    print(vm, `\x1b[1mtinyk\x1b[0m 64-bit, 4-level paging, console ${vm === 1 ? 'COM1' : 'hypercall'}\r\n# `);

  const cross = (vm: number) => {
    const n = ((step[vm - 1] ?? 0) + 1) % PATHS.length;
    step[vm - 1] = n;
    const [from, to, cause, detail, cost] = PATHS[n]!;
    recent.push({
      sequence: ++sequence,
      on: { vm, vcpu: 0 },
      from,
      to,
      cause,
      detail,
      rip: 0xffffffff81000000n,
      at: cycles,
      cost,
    });
    if (recent.length > 96) recent.shift();
  };

  const slice = (budget: Budget): SliceOutcome => {
    let stop: StopReason | null = null;
    let done = Math.min(budget.instructions, 3_000_000);
    if (goal.kind === 'step' || goal.kind === 'step-over') {
      done = 1;
      stop = { kind: 'stepped', on: goal.on };
    } else if (goal.kind === 'vm-exit') {
      done = 4213;
      stop = { kind: 'vm-exit', on: { vm: goal.vm, vcpu: 0 }, reason: 'CPUID' };
    }
    for (let left = done; left > 0; ) {
      const piece = Math.min(left, 200_000 + random(300_000));
      const vm = segments.length % 2 ? 1 : 2;
      const from = cycles;
      cycles += piece;
      left -= piece;
      instructions += piece;
      segments.push({
        pcpu: 0,
        on: { vm, vcpu: 0 },
        from,
        to: cycles,
        stop: random(3) ? 'slice used up' : 'halted',
      });
      if (segments.length > 60) segments.shift();
      for (let i = random(4); i >= 0; i--) cross(vm);
    }
    if (done > 1000 && random(40) === 0)
      print(1, `[${(cycles / HZ).toFixed(6)}] task ${random(3)}: counted to ${random(100000)}\r\n`);
    return { instructions: done, cycles: 0, idleCycles: 0, stop } as SliceOutcome;
  };

  const rip = () => 0xffffffff81000120n + ([0n, 1n, 4n, 7n, 9n, 10n, 11n][instructions % 7] ?? 0n);
  const entry = (level: string, index: number, address: bigint, raw: bigint, leaf: boolean): TableEntry => ({
    level,
    index,
    address,
    raw,
    size: 8,
    leaf,
    fault: raw === 0n ? 'not present' : null,
    fields: [
      bit('P', 0, raw, 'present'),
      bit('R/W', 1, raw, 'writable'),
      bit('U/S', 2, raw, 'supervisor only'),
      bit('PWT', 3, raw, 'write-back'),
      bit('PCD', 4, raw, 'cached'),
      bit('A', 5, raw, 'accessed'),
      bit('D', 6, raw, 'not written'),
      bit('PS', 7, raw, 'points to a table'),
      bit('address', 12, raw, 'frame', 51),
      bit('XD', 63, raw, 'may be executed'),
    ],
  });
  const nested = (guestPhysical: bigint): NestedWalk => ({
    guestPhysical,
    hostPhysical: guestPhysical + 0x4000000n,
    entries: ['EPT PML4', 'EPT PDPT', 'EPT PD', 'EPT PT'].map((level, i) =>
      entry(
        level,
        i === 3 ? Number((guestPhysical >> 12n) & 511n) : 0,
        0x1800000n + BigInt(i * 4096),
        0x1801000n + BigInt(i * 4096) + 7n,
        i === 3,
      ),
    ),
  });

  return {
    open(guest) {
      if (guest.kernel.bytes.length < 512) {
        throw new Refusal(
          'This is no kernel that can be started: 512 bytes or less.',
          guest.kernel.name,
          'Give a bzImage, an ELF file, or choose a flat format.',
        );
      }
      names.push(guest.name);
      state.set(names.length, 'running');
      step.push(0);
      return names.length;
    },
    control(vm, action) {
      if (action === 'destroy') state.delete(vm);
      else state.set(vm, action === 'pause' ? 'paused' : action === 'reset' ? 'crashed' : 'running');
    },
    toggleBreakpoint(_vm, address) {
      if (!breakpoints.delete(address)) breakpoints.add(address);
      return breakpoints.has(address);
    },
    consoleInput(vm, bytes) {
      output.push({ vm, bytes: bytes[0] === 13 ? encoder.encode('\r\n# ') : bytes });
    },
    aim(next) {
      goal = next;
    },
    slice,
    now: () => ({ cycles, ns: cycles }),
    takeConsoleOutput: () => output.splice(0),
    machine: () => ({ instructions, hz: HZ, physicalCpus: 1, memory: 512 << 20 }),
    vms: () =>
      [...state].map(([id, now]) => ({
        id,
        name: names[id - 1]!,
        technique: 'vtx-ept' as const,
        state: now,
        reason: now === 'crashed' ? 'Triple fault at 0xffffffff8100012c: the IDT is empty.' : null,
        vcpus: 1,
        memory: 64 << 20,
        resident: 3 << 20,
        instructions: instructions / 2,
        exits: sequence * 3,
      })),
    registers: (on) => ({
      of: on,
      mode: '64-bit',
      general: [
        'rax',
        'rcx',
        'rdx',
        'rbx',
        'rsp',
        'rbp',
        'rsi',
        'rdi',
        'r8',
        'r9',
        'r10',
        'r11',
        'r12',
        'r13',
        'r14',
        'r15',
      ].map((name, i) =>
        register(
          name,
          i % 5 === 0 ? BigInt(instructions) * 77n : i === 4 ? 0xffff888000014fa0n : BigInt(i * 4096),
        ),
      ),
      rip: register('rip', rip()),
      rflags: register('rflags', 0x246n, [
        bit('CF', 0, 0x246n, 'carry'),
        bit('PF', 2, 0x246n, 'parity'),
        bit('AF', 4, 0x246n, 'auxiliary carry'),
        bit('ZF', 6, 0x246n, 'zero'),
        bit('SF', 7, 0x246n, 'sign'),
        bit('TF', 8, 0x246n, 'trap'),
        bit('IF', 9, 0x246n, 'interrupts enabled'),
        bit('DF', 10, 0x246n, 'direction'),
        bit('OF', 11, 0x246n, 'overflow'),
        bit('IOPL', 12, 0x246n, 'I/O privilege level', 13),
      ]),
      segments: ['cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name, i) => ({
        name,
        selector: 8 * (i + 1),
        base: i === 5 ? 0xffff888000100000n : 0n,
        limit: 0xffffffff,
        type: i === 0 ? 'code 64-bit, execute/read, accessed' : 'data, read/write, accessed',
        dpl: 0,
        changed: false,
      })),
      tables: [
        { name: 'gdtr', base: 0xfffffe0000001000n, limit: 0x7f },
        { name: 'idtr', base: 0xfffffe0000000000n, limit: 0xfff },
      ],
      control: [
        register('cr0', 0x80050033n, [
          bit('PE', 0, 0x80050033n, 'protection'),
          bit('MP', 1, 0x80050033n, ''),
          bit('TS', 3, 0x80050033n, ''),
          bit('NE', 5, 0x80050033n, ''),
          bit('WP', 16, 0x80050033n, 'write protect'),
          bit('AM', 18, 0x80050033n, ''),
          bit('PG', 31, 0x80050033n, 'paging'),
        ]),
        register('cr2', 0x401000n),
        register('cr3', 0x1a2000n),
        register('cr4', 0x6b0n, [
          bit('PSE', 4, 0x6b0n, ''),
          bit('PAE', 5, 0x6b0n, ''),
          bit('PGE', 7, 0x6b0n, ''),
          bit('SMEP', 20, 0x6b0n, ''),
        ]),
        register('efer', 0xd01n, [
          bit('SCE', 0, 0xd01n, ''),
          bit('LME', 8, 0xd01n, ''),
          bit('LMA', 10, 0xd01n, ''),
          bit('NXE', 11, 0xd01n, ''),
        ]),
      ],
    }),
    code: (on, from, lines) =>
      codeView({
        of: on,
        state: longModeState({ rip: rip() }),
        from,
        lines,
        breakpoints,
        read: (address, length) =>
          Uint8Array.from({ length }, (_, i) => CODE[Number((address + BigInt(i)) & 15n)] ?? 0),
      }),
    walk: (on, address) => {
      const linear = address ?? rip();
      const fault = linear < 0x1000n;
      const index = (shift: number) => Number((linear >> BigInt(shift)) & 511n);
      const guest = ['PML4', 'PDPT', 'PD', 'PT'].slice(0, fault ? 2 : 4).map((level, i) => ({
        nested: nested(0x1a2000n + BigInt(i * 4096 + index(39 - 9 * i) * 8)),
        entry: entry(
          level,
          index(39 - 9 * i),
          0x1a2000n + BigInt(i * 4096 + index(39 - 9 * i) * 8),
          fault && i === 1 ? 0n : 0x1a3063n + BigInt(i * 4096),
          i === 3,
        ),
      }));
      return {
        of: on,
        linear,
        paging: '4-level' as const,
        cr3: 0x1a2000n,
        eptp: 0x180001en,
        levels: guest,
        page: fault ? null : nested(0x1a6000n + (linear & 0xfffn)),
        references: fault ? 10 : 24,
        end: fault
          ? { kind: 'fault' as const, fault: '#PF', why: 'PDPT entry 0 is not present (P = 0)' }
          : {
              kind: 'mapped' as const,
              guestPhysical: 0x1a6000n + (linear & 0xfffn),
              hostPhysical: 0x41a6000n + (linear & 0xfffn),
              guestPage: 4096,
              nestedPage: 4096,
              rights: 'read, execute; supervisor',
            },
      };
    },
    rings: () => {
      const positions: RingPosition[] = [...state.keys()].map((vm) => {
        const last = recent.findLast((one) => one.on.vm === vm);
        return {
          on: { vm, vcpu: 0 } as VcpuRef,
          ring: last?.to ?? 0,
          scheduled: segments.at(-1)?.on.vm === vm,
          halted: false,
        };
      });
      return {
        positions,
        recent: [...recent],
        counts: PATHS.map(([from, to, cause], i) => ({
          from,
          to,
          cause,
          count: Math.floor(sequence / (i + 1)),
        })),
      };
    },
    scheduler: () => ({
      policy: 'weighted fair',
      physicalCpus: 1,
      from: segments[0]?.from ?? 0,
      to: cycles,
      segments: [...segments],
      vcpus: [...state.keys()].map((vm) => ({
        on: { vm, vcpu: 0 },
        weight: 256,
        state: 'ready' as const,
        ran: cycles / (vm + 1),
      })),
    }),
    exits: () => ({
      vms: [...state.keys()].map((vm) => ({
        vm,
        exits: [
          {
            reason: 30,
            name: 'I/O instruction',
            count: Math.floor(sequence / (vm === 1 ? 2 : 60)),
            cycles: sequence * 900,
          },
          { reason: 48, name: 'EPT violation', count: 318 * vm, cycles: 318000 },
          { reason: 12, name: 'HLT', count: Math.floor(sequence / 6), cycles: 318000 },
          { reason: 1, name: 'External interrupt', count: Math.floor(sequence / 9), cycles: 318000 },
          { reason: 10, name: 'CPUID', count: 12, cycles: 18000 },
          ...(vm === 2
            ? [{ reason: 18, name: 'VMCALL', count: Math.floor(sequence / 7), cycles: 18000 }]
            : []),
        ],
        hypercalls:
          vm === 2
            ? [
                { number: 1, name: 'console write', count: Math.floor(sequence / 9), errors: 0 },
                { number: 2, name: 'yield', count: Math.floor(sequence / 30), errors: 0 },
                { number: 3, name: 'set timer', count: Math.floor(sequence / 50), errors: 2 },
              ]
            : [],
      })),
    }),
    frames: () => ({
      frameSize: 4096,
      frames: 131072,
      owners: [
        { use: 'hypervisor' as const, vm: null, label: 'hypervisor', frames: 2048 },
        { use: 'page-tables' as const, vm: 1, label: 'EPT of VM', frames: 120 },
        { use: 'guest' as const, vm: 1, label: 'memory of VM', frames: 9000 },
        { use: 'page-tables' as const, vm: 2, label: 'EPT of VM', frames: 90 },
        { use: 'guest' as const, vm: 2, label: 'memory of VM', frames: 7000 },
        { use: 'free' as const, vm: null, label: 'free', frames: 112814 },
      ],
      runs: Uint32Array.of(0, 2048, 1, 120, 2, 5000, 3, 90, 4, 3000, 2, 4000, 4, 4000, 5, 112814),
    }),
  };
}
