import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CR0, CR4, FLAG } from '../../arch/registers.ts';
import { guestNamed } from '../../guests/index.ts';
import { FIRST_BARE_ID, type GuestDescription, type Technique, type VcpuRef } from '../../protocol/target.ts';
import { Refusal } from '../refusal.ts';
import * as disassembler from '../views/disassembler.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;
let kernel: Uint8Array;
let lab: Ringlab;

beforeAll(() => {
  kernel = guestNamed('kernel')?.assemble().bytes ?? new Uint8Array();
});

const guest = (technique: Technique): GuestDescription => ({
  name: 'k',
  technique,
  kernel: { name: 'kernel.elf', bytes: kernel },
  initrd: null,
  commandLine: '',
  memory: 16 * MIB,
  cpus: 1,
  flat: null,
});

function run(slices: number): void {
  lab.aim({ kind: 'free' });
  for (let i = 0; i < slices; i++)
    expect(lab.slice({ instructions: 500_000, cycles: 2_000_000 }).stop).toBeNull();
}

const step = (on: VcpuRef) => {
  lab.aim({ kind: 'step', on });
  for (let i = 0; i < 200; i++) if (lab.slice({ instructions: 1, cycles: 1 }).stop !== null) return;
};
/** An interrupt may come first: its handler is stepped through. */
const stepTo = (on: VcpuRef, rip: bigint) => {
  for (let i = 0; i < 5000 && get(on, 'rip') !== rip; i++) step(on);
  expect(get(on, 'rip')).toBe(rip);
};
const set = (on: VcpuRef, register: string, value: bigint) =>
  lab.edit({ kind: 'register', on, register, value });
const get = (on: VcpuRef, name: string): bigint | undefined => {
  const view = lab.registers(on);
  return [...(view?.general ?? []), ...(view?.control ?? []), view?.rip, view?.rflags].find(
    (one) => one?.name === name,
  )?.value;
};
const write = (on: VcpuRef, address: bigint, bytes: number[], space = 'linear' as const) =>
  lab.edit({ kind: 'memory', on, space, address, bytes });
const read = (on: VcpuRef, offset: bigint) =>
  lab.memory(on, { space: 'linear', at: { segment: null, register: null, offset }, rows: 1 })?.rows[0];

beforeEach(() => {
  lab = new Ringlab({ memory: 128 * MIB, cpus: 1 });
  lab.useDisassembler(disassembler);
});

const BARE = { vm: FIRST_BARE_ID, vcpu: 0 };
const FIRST = { vm: 1, vcpu: 0 };
const SECOND = { vm: 2, vcpu: 0 };

function open(on: VcpuRef): void {
  if (on === BARE) lab.open(guest('bare'));
  else {
    lab.open(guest('vtx-ept'));
    lab.open(guest('vtx-ept'));
  }
  run(20);
}

/** The first is on the processor after a step; the second then is not. */
describe.each([
  ['of a bare machine', BARE, BARE],
  ['of a VM on the processor', FIRST, FIRST],
  ['of a VM that is switched out', SECOND, FIRST],
])('a vCPU %s', (_, on, stepped) => {
  beforeEach(() => {
    open(on);
    step(stepped);
  });

  test('has its registers changed, and goes on with them', () => {
    set(on, 'rbx', 0x1122_3344_5566_7788n);
    set(on, 'bx', 0xabcdn);
    set(on, 'rsp', (get(on, 'rsp') ?? 0n) - 0x100n);
    expect(get(on, 'rbx')).toBe(0x1122_3344_5566_abcdn);
    const flags = get(on, 'rflags') ?? 0n;
    set(on, 'rflags', flags ^ BigInt(FLAG.CF));
    expect(get(on, 'rflags')).toBe(flags ^ BigInt(FLAG.CF));
    set(on, 'cr2', 0x1234n);
    expect(get(on, 'cr2')).toBe(0x1234n);
    const rip = get(on, 'rip') ?? 0n;
    // mov r9d, 1234h ; jmp $
    write(on, rip, [0x41, 0xb9, 0x34, 0x12, 0, 0, 0xeb, 0xfe]);
    stepTo(on, rip + 6n);
    expect(get(on, 'r9')).toBe(0x1234n);
    set(on, 'rip', rip);
    set(on, 'r9', 0n);
    stepTo(on, rip + 6n);
    expect(get(on, 'r9')).toBe(0x1234n);
  });

  test('takes only what the hardware takes', () => {
    const refused = (register: string, value: bigint, why: RegExp) => {
      const before = get(on, register);
      expect(() => set(on, register, value)).toThrow(why);
      expect(() => set(on, register, value)).toThrow(Refusal);
      expect(get(on, register)).toBe(before);
    };
    refused('rip', 0x8000_0000_0000n, /not canonical/);
    refused('rflags', 0n, /bit 1 is 1/);
    refused('rflags', BigInt(FLAG.VM | 2), /VM is changed by IRET/);
    refused('cr0', BigInt(CR0.ET | CR0.PE), /cannot be turned off|step it first|fixed/);
    refused('cr4', 1n << 40n, /does not have/);
    refused('cr4', (get(on, 'cr4') ?? 0n) & ~BigInt(CR4.PAE), /PAE cannot be cleared/);
    refused('cr3', 1n << 60n, /physical address/);
    refused('efer', 0x1000n, /does not have|LMA is read-only/);
    refused('eax', 1n << 32n, /does not fit/);
    refused('cs', 0n, /far transfers/);
    refused('ds', 0xfff8n, /beyond the end/);
    refused('tr', 8n, /LLDT and LTR/);
    refused('ia32_lstar', 1n << 60n, /canonical/);
    refused('ia32_pat', 2n, /memory type/);
    refused('xmm16', 0n, /cannot be changed here/);
    refused('xmm0', 1n << 128n, /does not fit/);
  });

  test('has x87 and SSE registers changed', () => {
    set(on, 'xmm3', 0x0102_0000_0000_0000_0000_0000_0000_00a5n);
    set(on, 'st0', 0x3fff_8000_0000_0000_0000n);
    set(on, 'mxcsr', 0x9fc0n);
    expect(() => set(on, 'mxcsr', 0x1_0000n)).toThrow(/raises #GP/);
    const view = lab.vectors(on);
    expect([...(view?.xmm[3]?.bytes ?? [])]).toEqual([0xa5, ...Array(13).fill(0), 2, 1]);
    expect(view?.stack[0]?.raw).toBe(0x3fff_8000_0000_0000_0000n);
    expect(view?.mxcsr.value).toBe(0x9fc0n);
    // TOP is 5, and ST0 of before ST3. An exception that is not masked shows in ES and B.
    set(on, 'fcw', 0xffffn);
    set(on, 'fsw', 0x2801n);
    const later = lab.vectors(on);
    expect([later?.control.value, later?.status.value]).toEqual([0x1f7fn, 0x2801n]);
    expect(later?.stack[3]?.raw).toBe(0x3fff_8000_0000_0000_0000n);
    set(on, 'fcw', 0x37en);
    expect(lab.vectors(on)?.status.value).toBe(0xa881n);
    set(on, 'fsw', 0n);
    expect(lab.vectors(on)?.status.value).toBe(0n);
  });

  test('has a data segment loaded from its table', () => {
    const { segments } = lab.registers(on) ?? { segments: [] };
    const selector = segments.find(({ name }) => name === 'ss')?.selector ?? 0;
    set(on, 'es', 0n);
    expect(lab.registers(on)?.segments.find(({ name }) => name === 'es')).toMatchObject({ type: 'unusable' });
    if (selector !== 0) {
      set(on, 'es', BigInt(selector));
      expect(lab.registers(on)?.segments.find(({ name }) => name === 'es')).toMatchObject({ selector });
    }
  });

  test('has memory changed at the address that it sees', () => {
    const rsp = (get(on, 'rsp') ?? 0n) - 0x200n;
    const at = rsp - (rsp % 16n);
    write(on, at + 3n, [1, 2, 3]);
    expect([...(read(on, at)?.bytes ?? [])].slice(3, 6)).toEqual([1, 2, 3]);
    expect(() => write(on, 0x7000_0000_0000n, [1])).toThrow(/no memory/);
    expect(() => write(on, 0x8000_0000_0000n, [1])).toThrow(/not canonical/);
    expect(read(on, 0x7000_0000_0000n)?.missing).toMatch(/^#PF: /);
  });
});

test("a VM's page that has no frame yet gets one when it is written", () => {
  open(FIRST);
  const address = BigInt(15 * MIB);
  const at = { segment: null, register: null, offset: address };
  const row = () => lab.memory(FIRST, { space: 'guest-physical', at, rows: 1 })?.rows[0];
  expect(row()?.missing).toMatch(/EPT violation/);
  lab.edit({ kind: 'memory', on: FIRST, space: 'guest-physical', address, bytes: [7] });
  expect(row()?.bytes[0]).toBe(7);
  const beyond = { kind: 'memory', on: FIRST, space: 'guest-physical', bytes: [7] } as const;
  expect(() => lab.edit({ ...beyond, address: BigInt(16 * MIB) })).toThrow(Refusal);
});

test('a refused edit leaves the machine as it was, also where bytes cross into a page that is not mapped', () => {
  open(BARE);
  const at = { segment: null, register: null, offset: BigInt(16 * MIB - 16) };
  const last = () => lab.memory(BARE, { space: 'host-physical', at, rows: 1 })?.rows[0]?.bytes;
  const before = last();
  const edit = { kind: 'memory', on: BARE, space: 'host-physical', bytes: [1, 2, 3] } as const;
  expect(() => lab.edit({ ...edit, address: BigInt(16 * MIB - 1) })).toThrow(/no RAM/);
  expect(last()).toEqual(before);
});

test.each([
  ['on a bare machine', BARE, BARE],
  ['of a VM on the processor', FIRST, FIRST],
  ['of a VM that is switched out', SECOND, FIRST],
])('MSRs, debug registers and vectors %s are shown and changed', (_, on, stepped) => {
  open(on);
  step(stepped);
  const msr = (name: string) => lab.system(on)?.msrs.find((one) => one.name === name)?.value;
  for (const name of ['ia32_lstar', 'ia32_sysenter_eip', 'ia32_kernel_gs_base']) {
    set(on, name, 0xffff_8000_0000_1000n);
    expect(msr(name)).toBe(0xffff_8000_0000_1000n);
  }
  set(on, 'ia32_pat', 0x0007_0406_0007_0406n);
  expect(msr('ia32_pat')).toBe(0x0007_0406_0007_0406n);
  expect(msr('ia32_apic_base')).toBe(0xfee0_0900n);
  expect(() => set(on, 'ia32_apic_base', 0n)).toThrow(Refusal);
  set(on, 'dr0', 0x1000n);
  set(on, 'dr7', 1n);
  const debug = lab.system(on)?.debug.map(({ value }) => value);
  expect([debug?.[0], debug?.[5]]).toEqual([0x1000n, 0x401n]);
  const vectors = lab.vectors(on);
  expect(vectors?.mxcsr.value).toBe(0x1f80n);
  // Reset leaves zeros; only FNINIT empties the registers.
  expect(vectors?.stack.map(({ decimal }) => decimal)).toEqual(Array(8).fill('0'));
  expect(vectors?.xmm).toHaveLength(16);
});
