/**
 * Emulation of one instruction that touched memory-mapped registers: fetch, decode, access, write
 * back. The exit says where the access was; the instruction says what it does.
 */
import { FLAG } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import type { BusTarget } from '../../contracts/device.ts';
import type { ExitContext } from '../exits/context.ts';
import { codeBits, linearAddress, readGpr, readSigned, writeGpr } from '../guest-state.ts';
import { compute } from './arithmetic.ts';
import { decode, type Operation } from './decode.ts';

const LONGEST = 15;
const [RCX, RSI, RDI] = [1, 6, 7];
const [ES, CS, DS] = [0, 1, 3];

interface Value {
  lo: number;
  hi: number;
}

export type EmulationResult = 'done' | 'faulted' | { readonly unknown: Uint8Array };

/** Emulates the instruction at guest RIP, whose access to `guestPhysical` on `bus` faulted. */
export function emulate(x: ExitContext, bus: BusTarget, guestPhysical: number): EmulationResult {
  const bits = codeBits(x.cpu);
  const bytes = fetch(x);
  if (bytes === undefined) return 'faulted';
  const operation = decode(bytes, bits);
  if (operation === undefined) return { unknown: bytes };
  return new Emulator(x, bus, guestPhysical, operation).run() ? 'done' : 'faulted';
}

/** The bytes at RIP up to a page that cannot be fetched from; undefined after #PF for the first. */
function fetch(x: ExitContext): Uint8Array | undefined {
  const rip = readSigned(x.cpu, FIELD.GUEST_RIP);
  const linear = linearAddress(x.cpu, CS, rip);
  const bytes: number[] = [];
  while (bytes.length < LONGEST) {
    const at = linear + bytes.length;
    const physical = x.translate(at, 'fetch', bytes.length === 0);
    if (physical < 0) return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
    const inPage = Math.min(LONGEST - bytes.length, 0x1000 - (physical % 0x1000));
    if (!x.vm.memory.isRam(physical)) break;
    bytes.push(...x.vm.memory.read(physical, inPage));
  }
  return Uint8Array.from(bytes);
}

class Emulator {
  private readonly x: ExitContext;
  private readonly bus: BusTarget;
  private readonly address: number;
  private readonly o: Operation;

  constructor(x: ExitContext, bus: BusTarget, address: number, operation: Operation) {
    this.x = x;
    this.bus = bus;
    this.address = address;
    this.o = operation;
  }

  /** False after an exception. */
  run(): boolean {
    const { o } = this;
    switch (o.kind) {
      case 'store':
        this.store(this.address, this.source(o.registerBytes));
        break;
      case 'load':
        this.setRegister(this.extend(this.load(this.address)));
        break;
      case 'exchange': {
        const memory = this.load(this.address);
        this.store(this.address, this.source(o.bytes));
        this.setRegister(memory);
        break;
      }
      case 'modify':
      case 'compare':
      case 'unary':
        this.toMemory();
        break;
      case 'combine':
        this.toRegister();
        break;
      case 'stos':
      case 'lods':
      case 'movs':
        return this.string();
    }
    this.x.advance(o.length);
    return true;
  }

  private toMemory(): void {
    const { o } = this;
    const result = compute(o.operator, o.bytes, this.load(this.address), this.source(o.bytes), this.flags);
    if (result.stored) this.store(this.address, result);
    this.flags = result.flags;
  }

  private toRegister(): void {
    const { o } = this;
    const result = compute(o.operator, o.bytes, this.source(o.bytes), this.load(this.address), this.flags);
    if (result.stored) this.setRegister(result);
    this.flags = result.flags;
  }

  /** One element; with REP, RIP stays until RCX is 0, and each further element exits again. */
  private string(): boolean {
    const { x, o } = this;
    const size = o.addressBits;
    const step = this.flags & FLAG.DF ? -o.bytes : o.bytes;
    if (o.rep && this.indexRegister(RCX) === 0) {
      x.advance(o.length);
      return true;
    }
    if (o.kind === 'stos') {
      this.store(this.address, this.source(o.bytes));
      this.setIndexRegister(RDI, this.indexRegister(RDI) + step);
    } else if (o.kind === 'lods') {
      this.setRegister(this.load(this.address));
      this.setIndexRegister(RSI, this.indexRegister(RSI) + step);
    } else if (!this.move(step)) {
      return false;
    }
    if (!o.rep) {
      x.advance(o.length);
      return true;
    }
    const left = this.indexRegister(RCX) - 1;
    this.setIndexRegister(RCX, left);
    if ((size === 64 ? left : left % 2 ** size) === 0) x.advance(o.length);
    return true;
  }

  /** MOVS: either side may be RAM. False after #PF. */
  private move(step: number): boolean {
    const { x, o } = this;
    const from = linearAddress(x.cpu, o.segment < 0 ? DS : o.segment, this.indexRegister(RSI));
    const to = linearAddress(x.cpu, ES, this.indexRegister(RDI));
    const source = x.translate(from, 'read', true);
    if (source < 0) return false;
    const destination = x.translate(to, 'write', true);
    if (destination < 0) return false;
    this.store(destination, this.load(source));
    this.setIndexRegister(RSI, this.indexRegister(RSI) + step);
    this.setIndexRegister(RDI, this.indexRegister(RDI) + step);
    return true;
  }

  // --- operands -----------------------------------------------------------------------------------

  private load(address: number): Value {
    const { o, x } = this;
    const ram = x.vm.memory.isRam(address);
    const word = (at: number, size: 1 | 2 | 4): number =>
      ram ? little(x.vm.memory.read(at, size)) : this.bus.read(at, size);
    if (o.bytes === 8) return { lo: word(address, 4), hi: word(address + 4, 4) };
    return { lo: word(address, o.bytes), hi: 0 };
  }

  private store(address: number, { lo, hi }: Value): void {
    const { o, x } = this;
    const ram = x.vm.memory.isRam(address);
    const put = (at: number, size: 1 | 2 | 4, value: number): void => {
      if (ram) x.vm.memory.write(at, littleBytes(value, size));
      else this.bus.write(at, size, value);
    };
    if (o.bytes === 8) {
      put(address, 4, lo >>> 0);
      put(address + 4, 4, hi >>> 0);
    } else {
      put(address, o.bytes, o.bytes === 4 ? lo >>> 0 : lo & (2 ** (8 * o.bytes) - 1));
    }
  }

  /** The register or immediate operand. */
  private source(bytes: number): Value {
    const { register, immediate } = this.o;
    if (register < 0) return immediate;
    // AH CH DH BH.
    if (register >= 16) return { lo: (this.register(register - 16).lo >>> 8) & 0xff, hi: 0 };
    const { lo, hi } = this.register(register);
    return bytes === 8 ? { lo, hi } : { lo, hi: 0 };
  }

  private register(n: number): Value {
    const value = readGpr(this.x.cpu, n, true);
    return { lo: value >>> 0, hi: Math.floor(value / 0x1_0000_0000) >>> 0 };
  }

  private setRegister({ lo, hi }: Value): void {
    const { register, registerBytes } = this.o;
    if (register < 16) {
      writeGpr(this.x.cpu, register, registerBytes, lo, hi);
      return;
    }
    const old = this.register(register - 16);
    writeGpr(this.x.cpu, register - 16, 2, (old.lo & 0xff) | ((lo & 0xff) << 8), 0);
  }

  private extend({ lo, hi }: Value): Value {
    const { bytes, signExtend } = this.o;
    if (!signExtend) return { lo, hi };
    const shift = 32 - 8 * Math.min(bytes, 4);
    const signed = (lo << shift) >> shift;
    return { lo: signed >>> 0, hi: (signed >> 31) >>> 0 };
  }

  private indexRegister(n: number): number {
    const value = readGpr(this.x.cpu, n, this.o.addressBits === 64);
    return this.o.addressBits === 16 ? value & 0xffff : value;
  }

  private setIndexRegister(n: number, value: number): void {
    const bytes = this.o.addressBits / 8;
    writeGpr(this.x.cpu, n, bytes, value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
  }

  private get flags(): number {
    return this.x.cpu.vmread(FIELD.GUEST_RFLAGS);
  }

  private set flags(value: number) {
    this.x.cpu.vmwrite(FIELD.GUEST_RFLAGS, value >>> 0);
  }
}

function little(bytes: Uint8Array): number {
  let value = 0;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + bytes[i];
  return value;
}

const littleBytes = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
