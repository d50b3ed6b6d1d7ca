/**
 * PUSHF, POPF, CLI, STI, CLAC, STAC. SDM volume 2. What they do nearly always is done here; privilege
 * violations, intercepts, virtual-8086 mode, single-stepping and interrupts that wait for IF are left to the system
 * operations of the same names (src/cpu/system/flags.ts).
 */
import { CR4, FLAG, STATUS_FLAGS } from '../../arch/registers.ts';
import { type I32, i32, i64, select } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';
import { DIRECT, INTERRUPTIBILITY, STATE } from '../state.ts';
import { needsDirect } from './direct.ts';

const has = (flags: I32, mask: number): I32 => i32.ne(i32.and(flags, i32.const(mask)), i32.const(0));
const load = (c: Context, field: number): I32 => i32.load(c.field(field));
const systemFlags = (c: Context): I32 => load(c, STATE.FLAG_SYSTEM);
const setSystemFlags = (c: Context, value: I32): void => c.f.store('i32', c.field(STATE.FLAG_SYSTEM), value);

/** Whether CPL <= IOPL, which is 0 <= IOPL in real-address mode. */
const mayChangeIf = (c: Context, flags: I32): I32 =>
  i32.le_u(load(c, STATE.CPL), i32.and(i32.shr_u(flags, i32.const(12)), i32.const(3)));

const cli: Semantics = (c) => {
  const flags = c.f.let(systemFlags(c));
  c.f.if(i32.eqz(mayChangeIf(c, flags)), () => c.system());
  setSystemFlags(c, i32.and(flags, i32.const(~FLAG.IF)));
};

/** STI keeps interrupts away for one more instruction when IF was 0. */
const sti: Semantics = (c) => {
  const { f } = c;
  const flags = f.let(systemFlags(c));
  f.if(i32.eqz(mayChangeIf(c, flags)), () => c.system());
  f.if(has(flags, FLAG.IF), () => c.done());
  f.if(load(c, STATE.WATCH_IF), () => c.system());
  setSystemFlags(c, i32.or(flags, i32.const(FLAG.IF)));
  const blocking = i32.or(load(c, STATE.INTERRUPTIBILITY), i32.const(INTERRUPTIBILITY.STI));
  f.store('i32', c.field(STATE.INTERRUPTIBILITY), blocking);
  f.store('i32', c.field(STATE.STI_BUDGET), c.budget());
};

const pushf: Semantics = (c) => {
  needsDirect(c, DIRECT.FLAGS);
  const flags = c.f.let(c.rflags());
  c.f.if(has(flags, FLAG.VM), () => c.system());
  c.push(c.f.let(i64.extend_i32_u(i32.and(flags, i32.const(~(FLAG.VM | FLAG.RF))))));
};

/** POPF changes IF when CPL <= IOPL, IOPL at CPL 0; it clears RF, VIF and VIP. A 16-bit image leaves the upper half. */
const popf: Semantics = (c) => {
  const { f } = c;
  needsDirect(c, DIRECT.FLAGS);
  const before = f.let(systemFlags(c));
  f.if(has(before, FLAG.VM | FLAG.TF), () => c.system());
  const value = f.let(i32.wrap_i64(c.stackRead(c.sp(0))));
  const upper = c.size === 16 ? 0 : FLAG.AC | FLAG.ID;
  const most = i32.eqz(load(c, STATE.CPL));
  const mask = f.let(i32.const(FLAG.TF | FLAG.DF | FLAG.NT | upper));
  f.if(mayChangeIf(c, before), () => f.set(mask, i32.or(mask, i32.const(FLAG.IF))));
  f.if(most, () => f.set(mask, i32.or(mask, i32.const(FLAG.IOPL))));
  const after = f.let(i32.or(i32.and(before, i32.xor(mask, i32.const(-1))), i32.and(value, mask)));
  const toggled = f.let(i32.xor(before, after));
  f.if(has(toggled, FLAG.AC | FLAG.TF), () => c.system());
  f.if(i32.and(has(i32.and(toggled, after), FLAG.IF), load(c, STATE.WATCH_IF)), () => c.system());
  c.setSp(c.sp(c.size / 8));
  const virtual = c.size === 16 ? i32.const(0) : select(most, i32.const(FLAG.VIF | FLAG.VIP), i32.const(0));
  const cleared = i32.or(i32.const(FLAG.RF), virtual);
  setSystemFlags(c, i32.and(after, i32.xor(cleared, i32.const(-1))));
  c.flags.raw(f.let(i32.and(value, i32.const(STATUS_FLAGS))));
};

/** Under CR4.SMAP another set of translations is in use while AC is 1. */
const setAc =
  (on: boolean): Semantics =>
  (c) => {
    const { f } = c;
    const flags = f.let(systemFlags(c));
    const refused = i32.or(i32.ne(load(c, STATE.CPL), i32.const(0)), has(flags, FLAG.VM));
    f.if(refused, () => c.system());
    f.if(i32.eq(has(flags, FLAG.AC), i32.const(on ? 1 : 0)), () => c.done());
    f.if(has(load(c, STATE.CR4), CR4.SMAP), () => c.useSupervisorTranslations(on));
    setSystemFlags(c, i32.xor(flags, i32.const(FLAG.AC)));
  };

export const flagInstructions: readonly Instruction[] = [
  { mnemonic: 'PUSHF', encoding: '9C', attributes: 'v d64', semantics: pushf, fallback: 'pushf' },
  { mnemonic: 'POPF', encoding: '9D', attributes: 'v d64', semantics: popf, fallback: 'popf' },
  { mnemonic: 'CLI', encoding: 'FA', semantics: cli, fallback: 'cli' },
  { mnemonic: 'STI', encoding: 'FB', semantics: sti, fallback: 'sti' },
  {
    mnemonic: 'CLAC',
    encoding: 'NP 0F 01 CA',
    feature: 'smap',
    semantics: setAc(false),
    fallback: 'clac',
  },
  {
    mnemonic: 'STAC',
    encoding: 'NP 0F 01 CB',
    feature: 'smap',
    semantics: setAc(true),
    fallback: 'stac',
  },
];
