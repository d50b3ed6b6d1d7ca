/**
 * Writes a random instruction of a given form: prefixes, ModRM, address and immediates. Registers
 * that point into the window are rarely overwritten and mostly used as addresses.
 */
import { Decoder } from '../../isa/decoder.ts';
import { opcodeMap } from '../../isa/instructions.ts';
import { CODE_MODE, type CodeMode } from '../../isa/modes.ts';
import { hasAttribute, isSized, parseOperands } from '../../isa/operands.ts';
import type { Random } from './random.ts';
import type { Label, Patch } from './random-program.ts';
import type { InstructionForm } from './random-program-forms.ts';
import { type Setting, WINDOW } from './random-program-settings.ts';

/** Numbers of the registers that hold pointers at the start, in the order of encoding: rBX rBP rSI rDI R12-R15. */
export const POINTERS = [3, 5, 6, 7, 12, 13, 14, 15] as const;
const SCRATCH = [0, 1, 2, 8, 9, 10, 11];
const RSP = 4;

export interface Encoded {
  readonly bytes: number[];
  readonly patches: Patch[];
  /** How many bytes at the end are immediates. */
  readonly immediateBytes: number;
}

/** A near branch's target; the encoder asks for one when a form has a displacement. */
export type LabelSource = () => Label;

const SPECIAL = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255];
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const MANDATORY = [undefined, 0x66, 0xf3, 0xf2];
const MAPS = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

const decoder = new Decoder(opcodeMap);
const probe = new Uint8Array(48);

function codeModeOf({ bits, stackBits = bits === 64 ? 32 : bits, segmented }: Setting): CodeMode {
  if (bits === 64) return CODE_MODE.LONG64;
  if (bits === 16) return stackBits === 32 ? CODE_MODE.CS16_SS32 : CODE_MODE.CS16_SS16;
  if (stackBits === 16) return CODE_MODE.CS32_SS16;
  return segmented ? CODE_MODE.CS32_SS32 : CODE_MODE.FLAT32;
}

export class RandomEncoder {
  /** Registers that are kept: loop counters. */
  readonly reserved = new Set<number>();
  private readonly random: Random;
  private readonly setting: Setting;
  private readonly mode: CodeMode;
  private readonly window: number;
  private readonly newLabel: LabelSource;
  /** Registers that addresses may use. */
  private readonly wide: boolean;

  // The instruction under construction.
  private prefixes: number[] = [];
  private rex = 0;
  private address: number[] = [];
  private patches: Patch[] = [];

  constructor(random: Random, setting: Setting, window: number, newLabel: LabelSource) {
    this.random = random;
    this.setting = setting;
    this.mode = codeModeOf(setting);
    this.window = window;
    this.newLabel = newLabel;
    this.wide = setting.bits === 64;
  }

  /** @returns undefined when the bytes make no instruction */
  encode(form: InstructionForm): Encoded | undefined {
    const { random } = this;
    const { row } = form.entry;
    const operands = parseOperands(row.operands);
    this.prefixes = [];
    this.rex = 0;
    this.address = [];
    this.patches = [];
    if (this.wide && random.chance(0.55)) this.rex = 0x40 | (random.chance(0.6) ? 8 : 0);
    if (form.prefixClass === 0 && isSized(row) && random.chance(0.15)) this.prefixes.push(0x66);
    const otherAddress = random.chance(0.04);
    if (otherAddress) this.prefixes.push(0x67);
    if (hasAttribute(row, 'rep') && random.chance(0.6)) this.prefixes.push(random.chance(0.8) ? 0xf3 : 0xf2);
    if (random.chance(0.04)) this.prefixes.push(random.pick(SEGMENT_PREFIXES));

    const opcode = this.opcode(
      form,
      operands.some((o) => o.letter === 'Z'),
    );
    let modrm: number | undefined;
    if (form.entry.hasModRm) {
      modrm = this.modRm(form, this.addressBits(otherAddress));
      if (modrm === undefined) return undefined;
      const lockable = modrm < 0xc0 && hasAttribute(row, 'lock');
      if (random.chance(lockable ? 0.15 : 0.002)) this.prefixes.push(0xf0);
    }
    const mandatory = MANDATORY[form.prefixClass];
    const header = [
      ...this.prefixes,
      ...(mandatory === undefined ? [] : [mandatory]),
      ...(this.rex === 0 ? [] : [this.rex]),
      ...MAPS[form.map],
      opcode,
      ...(modrm === undefined ? [] : [modrm]),
    ];
    const base = header.length;
    for (const [i, patch] of this.patches.entries()) this.patches[i] = { ...patch, at: patch.at + base };
    header.push(...this.address);
    const immediateBytes = this.immediates(header);
    if (immediateBytes < 0) return undefined;
    const bytes = header.concat(this.immediate(immediateBytes));
    this.patchImmediates(operands.map((o) => o.letter).join(''), bytes, immediateBytes);
    return { bytes, patches: this.patches, immediateBytes };
  }

  /** Length of what follows the header, as the decoder sees it; -1 when it is no instruction. */
  private immediates(header: readonly number[]): number {
    probe.fill(0);
    probe.set(header);
    const result = decoder.decode(probe, 0, probe.length, 0, this.mode);
    if (result === 'ok') return decoder.length - header.length;
    return result === 'undefined' && this.random.chance(0.1) ? 0 : -1;
  }

  /** A random number of some bytes, often a special one. */
  immediate(bytes: number): number[] {
    const { random } = this;
    if (random.chance(0.5)) return Array.from({ length: bytes }, () => random.below(256));
    const value = random.pick(SPECIAL) * (random.chance(0.3) ? -1 : 1);
    return Array.from({ length: bytes }, (_, i) =>
      i < 4 ? (value >> (8 * i)) & 0xff : value < 0 ? 0xff : 0,
    );
  }

  private patchImmediates(letters: string, bytes: readonly number[], count: number): void {
    const { random } = this;
    const at = bytes.length - count;
    if (letters.includes('J')) {
      const target = { label: this.newLabel(), plus: 0, alias: false };
      this.patches.push({ at, bytes: count, kind: 'relative', target });
    } else if (letters.includes('O') && random.chance(0.95)) {
      this.patches.push({ at, bytes: count, kind: 'absolute', target: this.dataOffset() });
    } else if (letters === 'A' && random.chance(0.7)) {
      // Far pointer: offset, then a selector, which the image knows as that of the program's code.
      const target = { label: this.newLabel(), plus: 0, alias: false };
      this.patches.push({ at, bytes: count - 2, kind: 'absolute', target });
      this.patches.push({
        at: at + count - 2,
        bytes: 2,
        kind: 'physical',
        target: codeSelector(this.setting),
      });
    }
  }

  private addressBits(other: boolean): 16 | 32 | 64 {
    const { bits } = this.setting;
    if (!other) return bits;
    return bits === 32 ? 16 : 32;
  }

  private opcode(form: InstructionForm, namesRegister: boolean): number {
    const { opcodes } = form;
    if (!namesRegister || opcodes.length === 1) return this.random.pick(opcodes);
    const register = this.destination();
    if (this.rex !== 0 && register >= 8) this.rex |= 1;
    return opcodes.find((o) => (o & 7) === (register & 7)) ?? this.random.pick(opcodes);
  }

  /** A register that may be overwritten: seldom a pointer, hardly ever the stack pointer. */
  destination(): number {
    const { random } = this;
    for (;;) {
      const number = random.chance(0.93) ? random.pick(SCRATCH) : random.below(16);
      if (number >= 8 && (!this.wide || this.rex === 0)) continue;
      if (number === RSP && !random.chance(0.1)) continue;
      if (this.reserved.has(number) && !random.chance(0.02)) continue;
      return number;
    }
  }

  /** Chooses ModRM among those that lead to the form; address bytes go to `address`. */
  private modRm(form: InstructionForm, addressBits: 16 | 32 | 64): number | undefined {
    const { random } = this;
    const { modrm } = form;
    const allows = (memory: boolean): boolean =>
      modrm === undefined || modrm.some((byte) => byte < 0xc0 === memory);
    const [canMemory, canRegister] = [allows(true), allows(false)];
    const memory = canMemory && (!canRegister || random.chance(0.5));
    const fixed = modrm && modrm.length < 64;
    if (!memory) {
      const reg = this.destination();
      const rm = this.destination();
      if (this.rex !== 0) this.rex |= (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0);
      const byte = 0xc0 | ((reg & 7) << 3) | (rm & 7);
      if (!modrm || modrm.includes(byte)) return byte;
      return random.pick(
        modrm.filter((b) => b >= 0xc0 && (!fixed || (b & 7) === (rm & 7) || modrm.length < 8)),
      );
    }
    const reg = this.destination();
    if (this.rex !== 0 && reg >= 8) this.rex |= 4;
    let byte = this.memoryOperand(addressBits);
    byte |= (reg & 7) << 3;
    if (!modrm || modrm.includes(byte)) return byte;
    // The form fixes ModRM.reg: keep the address.
    const same = modrm.filter((b) => (b & 0xc7) === (byte & 0xc7));
    return same.length > 0 ? random.pick(same) : undefined;
  }

  /** @returns ModRM with reg 0 */
  private memoryOperand(bits: 16 | 32 | 64): number {
    const { random } = this;
    if (bits === 16) return this.memoryOperand16();
    const absolute = random.chance(bits === 64 || this.setting.segmented ? 0.3 : 0.35);
    if (absolute) return this.absoluteOperand(bits);
    const base = this.pointer();
    const mod = random.pick([0, 1, 1, 2]);
    const useIndex = random.chance(0.2);
    if (this.rex !== 0 && base >= 8) this.rex |= 1;
    const low = base & 7;
    const displaced = mod === 0 && low === 5 ? 1 : mod;
    if (useIndex || low === 4) {
      const index = useIndex ? random.pick(SCRATCH) & 7 : 4;
      this.address.push((random.below(4) << 6) | (index << 3) | low);
    }
    this.displacement(displaced === 2 ? 4 : displaced);
    return (displaced << 6) | (useIndex || low === 4 ? 4 : low);
  }

  private memoryOperand16(): number {
    const { random } = this;
    if (random.chance(0.3)) {
      this.patches.push({ at: 0, bytes: 2, kind: 'absolute', target: this.dataOffset() });
      this.address.push(0, 0);
      return 6;
    }
    const rm = random.chance(0.92) ? random.pick([4, 5, 6, 7]) : random.below(4);
    const mod = rm === 6 ? 1 : random.below(3);
    this.displacement(mod);
    return (mod << 6) | rm;
  }

  /** RIP-relative in 64-bit mode, a displacement alone elsewhere. */
  private absoluteOperand(bits: 32 | 64): number {
    const { random } = this;
    this.address.push(0, 0, 0, 0);
    if (this.wide && (bits === 64 || this.window < 0x8000_0000)) {
      const target = random.chance(0.03) ? random.below(WINDOW.CODE_SIZE) : this.dataOffset();
      this.patches.push({ at: 0, bytes: 4, kind: 'relative', target });
      return 5;
    }
    if (this.wide) {
      // Without base and index, by a SIB byte.
      this.address.unshift(0x25);
      this.patches.push({ at: 1, bytes: 4, kind: 'absolute', target: this.dataOffset() });
      return 4;
    }
    this.patches.push({ at: 0, bytes: 4, kind: 'absolute', target: this.dataOffset() });
    return 5;
  }

  private displacement(bytes: number): void {
    const { random } = this;
    const value = random.chance(0.97) ? random.between(-100, 120) : random.between(-0x8000, 0x7fff);
    for (let i = 0; i < bytes; i++) this.address.push((value >> (8 * i)) & 0xff);
  }

  private pointer(): number {
    const { random } = this;
    const extended = this.wide && this.rex !== 0 && random.chance(0.4);
    if (random.chance(0.07)) return RSP;
    if (random.chance(0.02)) return random.below(extended ? 16 : 8);
    return extended ? random.pick([12, 13, 14, 15]) : random.pick([3, 5, 6, 7]);
  }

  dataOffset(): number {
    return dataOffset(this.random);
  }
}

/** Selector of the program's code segment: see lockstep-image.ts. */
const codeSelector = ({ kind, cpl }: Setting): number =>
  kind === 'real' || kind === 'virtual-8086' ? 0x1000 : 0x18 | cpl;

/** Where a program looks in the window: mostly data, now and then the end of a page or a page of another kind. */
export function dataOffset(random: Random): number {
  if (random.chance(0.05)) {
    const page = random.pick([
      WINDOW.ABSENT,
      WINDOW.READ_ONLY,
      WINDOW.READ_ONLY,
      WINDOW.SUPERVISOR,
      WINDOW.CODE_ALIAS,
      WINDOW.DEVICE,
      WINDOW.DEVICE,
    ]);
    return page + random.below(0xff0);
  }
  if (random.chance(0.1)) return WINDOW.ALIAS + random.below(0x1000);
  if (random.chance(0.15))
    return random.between(WINDOW.DATA / 0x1000 + 1, 7) * 0x1000 - random.between(1, 15);
  const offset = random.between(WINDOW.DATA + 0x400, WINDOW.DATA_END - 0x200);
  return random.chance(0.7) ? offset & ~15 : offset;
}
