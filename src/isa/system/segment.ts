/** Segment registers and questions about selectors. SDM volume 2. */
import { SEG } from '../../arch/registers.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { SEGMENT, STATE } from '../state.ts';

/** Exchanges the GS base with IA32_KERNEL_GS_BASE; #GP(0) at CPL 1 to 3 is the system operation's. */
const swapgs: Semantics = (c) => {
  const { f } = c;
  f.if(i32.load(c.field(STATE.CPL)), () => c.system());
  const base = c.field(STATE.SEGMENTS + SEG.GS * SEGMENT.SIZE + SEGMENT.BASE);
  const other = c.field(STATE.KERNEL_GS_BASE);
  const [outgoing, incoming] = [f.let(i64.load(base)), f.let(i64.load(other))];
  f.store('i64', other, outgoing);
  f.store('i64', base, incoming);
  f.store('i64', c.field(STATE.EFFECTIVE_BASE + 8 * SEG.GS), incoming);
};

const selectorOf = (c: Context, n: I32): I64 => {
  const at = i32.add(c.field(0), i32.mul(n, i32.const(SEGMENT.SIZE)));
  return i64.load16_u(at, STATE.SEGMENTS + SEGMENT.SELECTOR);
};

/** Memory gets 16 bits whatever the operand size: the system operation's, as is #UD for registers 6 and 7. */
const moveFromSegment: Semantics = (c) => {
  if (c.isMemory(0)) {
    c.system();
    return;
  }
  const n = c.f.let(c.segmentOperand());
  c.f.ifUnlikely(i32.gt_u(n, i32.const(SEG.GS)), () => c.system());
  c.write(0, selectorOf(c, n));
};

/** A wide push writes the selector zero-extended. */
const push =
  (n: number): Semantics =>
  (c) => {
    const selector = i32.load16_u(c.field(STATE.SEGMENTS + n * SEGMENT.SIZE + SEGMENT.SELECTOR));
    c.push(c.f.let(i64.extend_i32_u(selector)));
  };

const moveToSegment: Semantics = (c) => c.loadSegment(c.segmentOperand(), i32.wrap_i64(c.readU(1)));

/** A wide pop takes the selector from the low word. */
const pop =
  (n: number): Semantics =>
  (c) => {
    const value = i32.wrap_i64(c.stackRead(c.sp(0)));
    c.loadSegment(i32.const(n), i32.and(value, i32.const(0xffff)));
    c.setSp(c.sp(c.size / 8));
  };

export const segmentInstructions: readonly Instruction[] = [
  {
    mnemonic: 'MOV',
    encoding: '8C',
    operands: 'Ev,Sw',
    semantics: moveFromSegment,
    fallback: 'moveFromSegment',
  },
  { mnemonic: 'MOV', encoding: '8E', operands: 'Sw,Ew', semantics: moveToSegment, fallback: 'moveToSegment' },

  { mnemonic: 'PUSH', encoding: '06', attributes: 'v i64', semantics: push(SEG.ES) },
  { mnemonic: 'PUSH', encoding: '0E', attributes: 'v i64', semantics: push(SEG.CS) },
  { mnemonic: 'PUSH', encoding: '16', attributes: 'v i64', semantics: push(SEG.SS) },
  { mnemonic: 'PUSH', encoding: '1E', attributes: 'v i64', semantics: push(SEG.DS) },
  { mnemonic: 'PUSH', encoding: '0F A0', attributes: 'v d64', semantics: push(SEG.FS) },
  { mnemonic: 'PUSH', encoding: '0F A8', attributes: 'v d64', semantics: push(SEG.GS) },
  { mnemonic: 'POP', encoding: '07', attributes: 'v i64', semantics: pop(SEG.ES), fallback: 'popEs' },
  { mnemonic: 'POP', encoding: '17', attributes: 'v i64', semantics: { system: 'popSs' } },
  { mnemonic: 'POP', encoding: '1F', attributes: 'v i64', semantics: pop(SEG.DS), fallback: 'popDs' },
  { mnemonic: 'POP', encoding: '0F A1', attributes: 'v d64', semantics: pop(SEG.FS), fallback: 'popFs' },
  { mnemonic: 'POP', encoding: '0F A9', attributes: 'v d64', semantics: pop(SEG.GS), fallback: 'popGs' },

  // With mod = 3 opcodes C4 and C5 would be VEX prefixes, which this processor does not have.
  { mnemonic: 'LES', encoding: 'C4', operands: 'Gv,Mp', attributes: 'i64', semantics: { system: 'les' } },
  { mnemonic: 'LDS', encoding: 'C5', operands: 'Gv,Mp', attributes: 'i64', semantics: { system: 'lds' } },
  { mnemonic: 'LSS', encoding: '0F B2', operands: 'Gv,Mp', semantics: { system: 'lss' } },
  { mnemonic: 'LFS', encoding: '0F B4', operands: 'Gv,Mp', semantics: { system: 'lfs' } },
  { mnemonic: 'LGS', encoding: '0F B5', operands: 'Gv,Mp', semantics: { system: 'lgs' } },

  { mnemonic: 'LAR', encoding: '0F 02', operands: 'Gv,Ew', semantics: { system: 'lar' } },
  { mnemonic: 'LSL', encoding: '0F 03', operands: 'Gv,Ew', semantics: { system: 'lsl' } },
  { mnemonic: 'VERR', encoding: '0F 00 /4', operands: 'Ew', semantics: { system: 'verr' } },
  { mnemonic: 'VERW', encoding: '0F 00 /5', operands: 'Ew', semantics: { system: 'verw' } },
  { mnemonic: 'ARPL', encoding: '63', operands: 'Ew,Gw', attributes: 'i64', semantics: { system: 'arpl' } },

  { mnemonic: 'SWAPGS', encoding: '0F 01 F8', attributes: 'o64', semantics: swapgs, fallback: 'swapgs' },
  {
    mnemonic: 'RDFSBASE',
    encoding: 'F3 0F AE /0',
    operands: 'Ry',
    attributes: 'o64',
    feature: 'fsgsbase',
    semantics: { system: 'rdfsbase' },
  },
  {
    mnemonic: 'RDGSBASE',
    encoding: 'F3 0F AE /1',
    operands: 'Ry',
    attributes: 'o64',
    feature: 'fsgsbase',
    semantics: { system: 'rdgsbase' },
  },
  {
    mnemonic: 'WRFSBASE',
    encoding: 'F3 0F AE /2',
    operands: 'Ry',
    attributes: 'o64',
    feature: 'fsgsbase',
    semantics: { system: 'wrfsbase' },
  },
  {
    mnemonic: 'WRGSBASE',
    encoding: 'F3 0F AE /3',
    operands: 'Ry',
    attributes: 'o64',
    feature: 'fsgsbase',
    semantics: { system: 'wrgsbase' },
  },
];
