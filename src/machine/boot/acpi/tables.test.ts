import { describe, expect, it } from 'vitest';
import { IRQ, PORTS } from '../../../arch/pc.ts';
import { integer } from './aml.ts';
import { acpiTables } from './tables.ts';

const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Finds the tables as an operating system does: RSDP by its signature, then down the pointers. */
function walk(cpus: number) {
  const { base, bytes, rsdp } = acpiTables(cpus);
  const view = new DataView(bytes.buffer);
  const u32 = (address: number) => view.getUint32(address - base, true);
  const tableAt = (address: number) => bytes.subarray(address - base, address - base + u32(address + 4));
  const root = tableAt(u32(rsdp.address + 16));
  const xsdt = tableAt(u32(rsdp.address + 24));
  const tables = new Map<string, Uint8Array>();
  for (let at = 36; at < root.length; at += 4) {
    const address = new DataView(root.buffer, root.byteOffset).getUint32(at, true);
    const content = tableAt(address);
    tables.set(ascii(content.subarray(0, 4)), content);
    if (ascii(content.subarray(0, 4)) === 'FACP') {
      tables.set('FACS', tableAt(u32(address + 36)));
      tables.set('DSDT', tableAt(u32(address + 40)));
    }
  }
  return { base, bytes, rsdp, root, xsdt, tables };
}

function get(tables: ReadonlyMap<string, Uint8Array>, signature: string): Uint8Array {
  const content = tables.get(signature);
  if (content === undefined) throw new Error(`no ${signature}`);
  return content;
}

describe('ACPI tables', () => {
  it('can be found and have valid checksums', () => {
    const { base, bytes, rsdp, root, xsdt, tables } = walk(2);
    expect(base % 16).toBe(0);
    expect(base + bytes.length).toBeLessThanOrEqual(0x10_0000);
    expect(ascii(rsdp.bytes.subarray(0, 8))).toBe('RSD PTR ');
    expect([sum(rsdp.bytes.subarray(0, 20)), sum(rsdp.bytes), sum(root), sum(xsdt)]).toEqual([0, 0, 0, 0]);
    expect([...tables.keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'FACS']);
    for (const [signature, content] of tables) if (signature !== 'FACS') expect(sum(content)).toBe(0);
    expect((xsdt.length - 36) / 8).toBe((root.length - 36) / 4);
  });

  it('name the fixed hardware in both address forms', () => {
    const fadt = get(walk(1).tables, 'FACP');
    const view = new DataView(fadt.buffer, fadt.byteOffset);
    expect(fadt.length).toBe(244);
    const blocks = [
      [56, 148, PORTS.pm1aEvent],
      [64, 172, PORTS.pm1aControl],
      [76, 208, PORTS.pmTimer],
      [80, 220, PORTS.gpe0],
    ] as const;
    for (const [short, long, { base, length }] of blocks) {
      expect(view.getUint32(short, true)).toBe(base);
      expect([fadt[long], fadt[long + 1], view.getUint32(long + 4, true)]).toEqual([1, length * 8, base]);
    }
    expect(view.getUint16(46, true)).toBe(IRQ.sci);
    expect(view.getUint32(120, true)).toBe(PORTS.resetControl.base);
  });

  it('list one local APIC for each processor', () => {
    const madt = get(walk(3).tables, 'APIC');
    const types: number[] = [];
    let at = 44;
    for (; at < madt.length; at += madt[at + 1]) types.push(madt[at]);
    expect(at).toBe(madt.length);
    expect(types).toEqual([0, 0, 0, 1, 2, 2, 2, 2, 4]);
  });

  it('refuse impossible numbers of processors', () => {
    for (const cpus of [0, 1.5, 129]) expect(() => acpiTables(cpus)).toThrow(RangeError);
  });
});

/** Objects of a DSDT that consists of names, packages, buffers, devices and scopes, as paths. */
function namesIn(aml: Uint8Array): string[] {
  const names: string[] = [];
  let at = 0;
  const nameString = (): string => {
    let path = '';
    if (aml[at] === 0x5c) {
      path = '\\';
      at++;
    }
    const count = aml[at] === 0x2e ? 2 : 1;
    if (count === 2) at++;
    path += ascii(aml.subarray(at, at + 4 * count));
    at += 4 * count;
    return path;
  };
  const packageEnd = (): number => {
    const start = at;
    const extra = aml[at] >> 6;
    let length = extra === 0 ? aml[at] & 0x3f : aml[at] & 0x0f;
    at++;
    for (let i = 0; i < extra; i++) length |= aml[at++] << (4 + 8 * i);
    return start + length;
  };
  const term = (parent: string): void => {
    const op = aml[at++];
    const sizes: Record<number, number> = { 0: 0, 1: 0, 10: 1, 11: 2, 12: 4 };
    if (op in sizes) {
      at += sizes[op];
    } else if (op === 0x0d) {
      at = aml.indexOf(0, at) + 1;
    } else if (op === 0x08) {
      names.push(`${parent}/${nameString()}`);
      term(parent);
    } else if (op === 0x11) {
      const end = packageEnd();
      term(parent);
      // _CRS: the end tag of the resources is the last thing in the buffer.
      expect(aml[end - 2]).toBe(0x79);
      at = end;
    } else if (op === 0x12) {
      const end = packageEnd();
      const count = aml[at++];
      for (let i = 0; i < count; i++) term(parent);
      expect(at).toBe(end);
    } else if (op === 0x10 || (op === 0x5b && aml[at++] === 0x82)) {
      const end = packageEnd();
      const path = `${parent}/${nameString()}`;
      while (at < end) term(path);
      expect(at).toBe(end);
    } else {
      throw new Error(`opcode ${op} at ${at - 1}`);
    }
  };
  while (at < aml.length) term('');
  return names;
}

describe('DSDT', () => {
  it('is well-formed and names the devices', () => {
    const names = namesIn(get(walk(8).tables, 'DSDT').subarray(36));
    expect(names).toEqual(
      expect.arrayContaining([
        '/\\_S5_',
        '/\\_SB_/CP00/_UID',
        '/\\_SB_/CP07/_UID',
        '/\\_SB_/PCI0/_CRS',
        '/\\_SB_/PCI0/_PRT',
        '/\\_SB_/PCI0/COM1/_CRS',
        '/\\_SB_/PCI0/KBD_/_HID',
      ]),
    );
  });

  it('writes integers in their shortest form', () => {
    const forms = [0, 1, 2, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff].map((value) => [...integer(value)]);
    expect(forms.map(([op]) => op)).toEqual([0, 1, 0x0a, 0x0a, 0x0b, 0x0b, 0x0c, 0x0c]);
    expect(forms[4]).toEqual([0x0b, 0x00, 0x01]);
  });
});
