/**
 * Changes of privilege level in generated code, where they go as they nearly always do:
 *
 *   deliverFault(state)             -> 1: the exception's handler is entered; 0: nothing has happened
 *   systemOperation(state, record)  -> STATUS.x: IRET, INT n, SYSENTER, SYSEXIT, MOV from CR0, CR2, CR3 and CR4; every
 *                                      other system operation is left to TypeScript
 *
 * What they need: flat 32-bit protected mode outside IA-32e mode; nobody who has to see the transfer at once
 * (DIRECT.TRANSFERS); flat, accessed descriptors in the GDT; 32-bit gates to level 0; tables and the stack's page in
 * the TLB; no frame across two pages. Then segment registers get other selectors and privilege levels, and nothing
 * that is derived from them changes. All is looked at before anything is written. What they do is what
 * system/deliver.ts, far-return.ts and fast-calls.ts do; a test compares them.
 */
import {
  CR0,
  EFER,
  FAULTS,
  FLAG,
  GPR,
  SEG,
  STATUS_FLAGS,
  setOfVectors,
  VECTOR,
} from '../../arch/registers.ts';
import { ATTRIBUTE, SELECTOR } from '../../arch/segments.ts';
import type { LibraryFunction } from '../../isa/definition.ts';
import { CODE_MODE } from '../../isa/modes.ts';
import { type I32, type I64, i32, i64, select } from '../../wasm/expression.ts';
import { call, type FunctionBuilder, type Local } from '../../wasm/function.ts';
import { SYSTEM_FLAGS } from '../registers.ts';
import {
  BANK,
  CROSSED,
  DIRECT,
  INTERRUPT_CYCLES,
  INTERRUPTIBILITY,
  LAYOUT,
  RECORD,
  SEGMENT,
  STATE,
  STATUS,
  TLB,
} from '../state.ts';
import { MSR_FIELD } from '../system/msr-fields.ts';
import type { Environment } from './environment.ts';
import { RFLAGS } from './flag-code.ts';
import { emitLookup } from './memory.ts';

/** Upper word of a flat segment's descriptor: present, accessed, DPL 0; code readable, data writable. */
const FLAT = { CODE: 0x00cf_9b00, DATA: 0x00cf_9300 } as const;
type Flat = keyof typeof FLAT;

const highWord = (kind: Flat, dpl: 0 | 3): number => FLAT[kind] | (dpl << 13);
const attributesOf = (kind: Flat, dpl: 0 | 3): number => (highWord(kind, dpl) >>> 8) & 0xf0ff;

/** Faults of which no other register than CR2 tells. */
const PLAIN_FAULTS = FAULTS & ~setOfVectors(VECTOR.VE);

/** Flags that ask for more than these functions do, in RFLAGS before a transfer. */
const UNUSUAL = FLAG.VM | FLAG.AC | FLAG.TF | FLAG.NT;
/** The same in an image that IRET loads. */
const UNUSUAL_IMAGE = FLAG.VM | FLAG.AC | FLAG.TF | FLAG.VIF | FLAG.VIP;

const has = (value: I32, mask: number): I32 => i32.and(value, i32.const(mask));
const field = (state: I32, offset: number): I32 => i32.load(state, offset);
const segmentField = (n: number, offset: number): number => STATE.SEGMENTS + n * SEGMENT.SIZE + offset;

/** Statements that return 0. */
const refusals = (f: FunctionBuilder) => ({
  refuseIf: (condition: I32) => f.ifUnlikely(condition, () => f.return(i32.const(0))),
  refuseUnless: (condition: I32) => f.ifUnlikely(i32.eqz(condition), () => f.return(i32.const(0))),
});

/** The supervisor's bank, in which tables and inner stacks are looked up. */
const supervisorBank = (state: I32): I32 =>
  i32.add(field(state, STATE.TLB_SET), i32.const(BANK.SUPERVISOR * TLB.BANK_SIZE));

/** Host address of supervisor data; returns 0 from the function where the TLB does not have it. */
function lookUp(f: FunctionBuilder, state: I32, tlb: number, linear: I32, bytes: number | I32): Local<'i32'> {
  const address = f.let(i64.extend_i32_u(linear));
  const host = f.local('i32');
  emitLookup(f, { tlb, bank: supervisorBank(state), address, bytes, host }, () => f.return(i32.const(0)));
  return host;
}

/** () -> 1 when the processor is in a state for transfers in generated code */
const MAY_TRANSFER: LibraryFunction<'i32'> = {
  name: 'mayTransfer',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const { refuseIf, refuseUnless } = refusals(f);
    refuseUnless(has(field(state, STATE.DIRECT), DIRECT.TRANSFERS));
    refuseUnless(i32.eq(field(state, STATE.CODE_MODE), i32.const(CODE_MODE.FLAT32)));
    refuseUnless(has(field(state, STATE.CR0), CR0.PE));
    refuseIf(has(field(state, STATE.EFER), EFER.LMA));
    refuseIf(has(field(state, STATE.FLAG_SYSTEM), UNUSUAL));
    refuseIf(has(field(state, STATE.INTERRUPTIBILITY), ~INTERRUPTIBILITY.STI));
    refuseIf(field(state, STATE.PENDING_DEBUG));
    refuseIf(i32.ge_u(field(state, STATE.CROSSED), i32.const(CROSSED.CAPACITY)));
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** (selector, upper word of a descriptor) -> 1 when the GDT has this flat segment there */
const IS_FLAT: LibraryFunction<'i32'> = {
  name: 'isFlat',
  params: ['i32', 'i32'],
  result: 'i32',
  build: (f) => {
    const [state, selector, high] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')];
    const { refuseIf, refuseUnless } = refusals(f);
    refuseIf(has(selector, SELECTOR.TI));
    const index = f.let(has(selector, SELECTOR.INDEX));
    refuseUnless(index);
    refuseIf(i32.gt_u(i32.add(index, i32.const(7)), field(state, STATE.GDTR + 8)));
    const host = lookUp(f, state, TLB.READ, i32.add(field(state, STATE.GDTR), index), 8);
    f.return(i32.and(i32.eq(i32.load(host), i32.const(0xffff)), i32.eq(i32.load(host, 4), high)));
    f.unreachable();
  },
};

/** Loads a segment register that is flat before and after. */
function loadFlat(f: FunctionBuilder, state: I32, n: number, kind: Flat, dpl: 0 | 3, selector: I32): void {
  f.store('i32', state, selector, segmentField(n, SEGMENT.SELECTOR));
  f.store('i32', state, i32.const(attributesOf(kind, dpl)), segmentField(n, SEGMENT.ATTRIBUTES));
  f.store('i32', state, i32.const(-1), segmentField(n, SEGMENT.LIMIT));
  f.store('i64', state, i64.const(0), segmentField(n, SEGMENT.BASE));
}

/** Sets CPL; RFLAGS.AC is 0. */
function setLevel(f: FunctionBuilder, state: I32, cpl: 0 | 3): void {
  f.store('i32', state, i32.const(cpl), STATE.CPL);
  const bank = cpl === 3 ? BANK.USER : BANK.SUPERVISOR;
  const address = i32.add(field(state, STATE.TLB_SET), i32.const(bank * TLB.BANK_SIZE));
  f.store('i32', state, address, STATE.TLB_BANK);
}

const setRip = (f: FunctionBuilder, state: I32, ip: I32): void =>
  f.store('i64', state, i64.extend_i32_u(ip), STATE.RIP);
const setSp = (f: FunctionBuilder, state: I32, sp: I32): void =>
  f.store('i64', state, i64.extend_i32_u(sp), STATE.GPR + 8 * GPR.RSP);

const changeSystemFlags = (f: FunctionBuilder, state: I32, cleared: I32): void =>
  f.store(
    'i32',
    state,
    i32.and(field(state, STATE.FLAG_SYSTEM), i32.xor(cleared, i32.const(-1))),
    STATE.FLAG_SYSTEM,
  );

/** Notes a change of level for `CrossingLog`: see CROSSED. */
function logCrossing(
  f: FunctionBuilder,
  state: I32,
  crossing: { cause: I32; from: I32; to: I32; rip: I64; cost: number },
): void {
  const { cause, from, to, rip, cost } = crossing;
  const count = f.let(field(state, STATE.CROSSED));
  // A processor has CPU_BLOCK_SIZE bytes there and half as many here.
  const log = i32.shr_u(i32.sub(state, i32.const(LAYOUT.CPUS)), i32.const(1));
  const at = f.let(i32.add(log, i32.mul(count, i32.const(CROSSED.ENTRY_SIZE))));
  const cycle = i64.sub(i64.load(state, STATE.HORIZON), i64.extend_i32_s(field(state, STATE.BUDGET)));
  f.store('i64', at, cycle, LAYOUT.CROSSED + CROSSED.CYCLE);
  f.store('i64', at, rip, LAYOUT.CROSSED + CROSSED.RIP);
  f.store('i32', at, cause, LAYOUT.CROSSED + CROSSED.CAUSE);
  f.store('i32', at, from, LAYOUT.CROSSED + CROSSED.FROM);
  f.store('i32', at, to, LAYOUT.CROSSED + CROSSED.TO);
  f.store('i32', at, i32.const(cost), LAYOUT.CROSSED + CROSSED.COST);
  f.store('i32', state, i32.add(count, i32.const(1)), STATE.CROSSED);
}

/**
 * (vector, least DPL of the gate, RFLAGS for the frame, instruction pointer for the frame, error code or -1) -> 1 when
 * the handler is entered
 */
const ENTER_GATE: LibraryFunction<'i32'> = {
  name: 'enterGate',
  params: ['i32', 'i32', 'i32', 'i32', 'i32'],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const [vector, level, flags, ip, errorCode] = [1, 2, 3, 4, 5].map((n) => f.param(n, 'i32'));
    const { refuseIf, refuseUnless } = refusals(f);
    const isFlat = (selector: I32, kind: Flat): I32 =>
      use.library(IS_FLAT, selector, i32.const(highWord(kind, 0)));

    const entry = f.let(i32.shl(vector, i32.const(3)));
    refuseIf(i32.gt_u(i32.add(entry, i32.const(7)), field(state, STATE.IDTR + 8)));
    const gate = lookUp(f, state, TLB.READ, i32.add(field(state, STATE.IDTR), entry), 8);
    const [low, high] = [f.let(i32.load(gate)), f.let(i32.load(gate, 4))];
    // A present 32-bit interrupt or trap gate.
    refuseUnless(i32.eq(has(high, 0x9e00), i32.const(0x8e00)));
    refuseIf(i32.lt_u(has(i32.shr_u(high, i32.const(13)), 3), level));
    const cs = f.let(i32.shr_u(low, i32.const(16)));
    refuseUnless(isFlat(cs, 'CODE'));

    const sp = f.let(field(state, STATE.GPR + 8 * GPR.RSP));
    const ss = f.local('i32');
    const isInner = f.let(i32.ne(field(state, STATE.CPL), i32.const(0)));
    f.if(isInner, () => {
      // A 32-bit TSS that holds SS0:ESP0.
      refuseUnless(has(field(state, segmentField(SEG.TR, SEGMENT.ATTRIBUTES)), 8));
      refuseIf(i32.lt_u(field(state, segmentField(SEG.TR, SEGMENT.LIMIT)), i32.const(9)));
      const tss = i32.add(field(state, segmentField(SEG.TR, SEGMENT.BASE)), i32.const(4));
      const inner = lookUp(f, state, TLB.READ, tss, 6);
      f.set(sp, i32.load(inner));
      f.set(ss, i32.load16_u(inner, 4));
      refuseIf(has(ss, SELECTOR.RPL));
      refuseUnless(isFlat(ss, 'DATA'));
    });
    const errorBytes = f.let(i32.shl(i32.ge_s(errorCode, i32.const(0)), i32.const(2)));
    const bytes = f.let(i32.add(select(isInner, i32.const(20), i32.const(12)), errorBytes));
    refuseIf(i32.lt_u(sp, bytes));
    f.set(sp, i32.sub(sp, bytes));
    const top = lookUp(f, state, TLB.WRITE, sp, bytes);

    f.if(errorBytes, () => f.store('i32', top, errorCode, 0));
    const frame = f.let(i32.add(top, errorBytes));
    f.store('i32', frame, ip, 0);
    f.store('i32', frame, field(state, segmentField(SEG.CS, SEGMENT.SELECTOR)), 4);
    f.store('i32', frame, flags, 8);
    f.if(isInner, () => {
      f.store('i32', frame, field(state, STATE.GPR + 8 * GPR.RSP), 12);
      f.store('i32', frame, field(state, segmentField(SEG.SS, SEGMENT.SELECTOR)), 16);
      loadFlat(f, state, SEG.SS, 'DATA', 0, ss);
    });
    setSp(f, state, sp);
    loadFlat(f, state, SEG.CS, 'CODE', 0, has(cs, SELECTOR.INDEX));
    setLevel(f, state, 0);
    setRip(f, state, i32.or(has(high, 0xffff_0000 | 0), has(low, 0xffff)));
    // An interrupt gate, whose type is even, masks interrupts.
    const masked = select(has(high, 0x100), i32.const(0), i32.const(FLAG.IF));
    changeSystemFlags(f, state, i32.or(masked, i32.const(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM)));
    f.return(i32.const(1));
    f.unreachable();
  },
};

export const DELIVER_FAULT: LibraryFunction<'i32'> = {
  name: 'deliverFault',
  params: [],
  result: 'i32',
  build: (f, use) => {
    const state = f.param(0, 'i32');
    const { refuseUnless } = refusals(f);
    refuseUnless(use.library(MAY_TRANSFER));
    const vector = f.let(field(state, STATE.FAULT_VECTOR));
    const isFault = has(i32.shr_u(i32.const(PLAIN_FAULTS), vector), 1);
    refuseUnless(i32.and(i32.lt_u(vector, i32.const(32)), isFault));
    const from = f.let(field(state, STATE.CPL));
    const rip = f.let(i64.load(state, STATE.RIP));
    const flags = i32.or(use.library(RFLAGS), i32.const(FLAG.RF));
    const errorCode = field(state, STATE.FAULT_ERROR);
    refuseUnless(use.library(ENTER_GATE, vector, i32.const(0), flags, i32.wrap_i64(rip), errorCode));

    f.if(i32.eq(vector, i32.const(VECTOR.PF)), () =>
      f.store('i64', state, i64.load(state, STATE.FAULT_ADDRESS), STATE.CR2),
    );
    f.if(from, () => {
      const cause = i32.or(vector, i32.const(CROSSED.EXCEPTION));
      logCrossing(f, state, { cause, from, to: i32.const(0), rip, cost: INTERRUPT_CYCLES });
    });
    for (const budget of [STATE.BUDGET, STATE.STI_BUDGET, STATE.RF_BUDGET]) {
      f.store('i32', state, i32.sub(field(state, budget), i32.const(INTERRUPT_CYCLES)), budget);
    }
    f.store('i32', state, i32.add(field(state, STATE.CHARGED), i32.const(INTERRUPT_CYCLES)), STATE.CHARGED);
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** () -> 1 when done: SYSENTER in protected mode */
const SYSENTER: LibraryFunction<'i32'> = {
  name: 'sysenter',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const cs = f.let(has(field(state, MSR_FIELD.SYSENTER_CS), SELECTOR.INDEX | SELECTOR.TI));
    refusals(f).refuseUnless(cs);
    changeSystemFlags(f, state, i32.const(FLAG.VM | FLAG.IF | FLAG.RF));
    setSp(f, state, field(state, MSR_FIELD.SYSENTER_ESP));
    loadFlat(f, state, SEG.CS, 'CODE', 0, cs);
    loadFlat(f, state, SEG.SS, 'DATA', 0, has(i32.add(cs, i32.const(8)), 0xffff));
    setLevel(f, state, 0);
    setRip(f, state, field(state, MSR_FIELD.SYSENTER_EIP));
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** () -> 1 when done: SYSEXIT to 32-bit code */
const SYSEXIT: LibraryFunction<'i32'> = {
  name: 'sysexit',
  params: [],
  result: 'i32',
  build: (f) => {
    const state = f.param(0, 'i32');
    const { refuseIf, refuseUnless } = refusals(f);
    refuseIf(field(state, STATE.CPL));
    const cs = f.let(has(field(state, MSR_FIELD.SYSENTER_CS), SELECTOR.INDEX | SELECTOR.TI));
    refuseUnless(cs);
    const outer = (offset: number): I32 => has(i32.or(i32.add(cs, i32.const(offset)), i32.const(3)), 0xffff);
    setSp(f, state, field(state, STATE.GPR + 8 * GPR.RCX));
    setRip(f, state, field(state, STATE.GPR + 8 * GPR.RDX));
    loadFlat(f, state, SEG.CS, 'CODE', 3, outer(16));
    loadFlat(f, state, SEG.SS, 'DATA', 3, outer(24));
    setLevel(f, state, 3);
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** (record) -> 1 when done: IRETD from level 0 to level 0 or 3 */
const IRET: LibraryFunction<'i32'> = {
  name: 'iret',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const { refuseIf, refuseUnless } = refusals(f);
    // An operand-size prefix.
    refuseIf(has(i32.load8_u(record, RECORD.PREFIXES), 0x10));
    refuseIf(field(state, STATE.CPL));
    const sp = f.let(field(state, STATE.GPR + 8 * GPR.RSP));
    const frame = lookUp(f, state, TLB.READ, sp, 12);
    const cs = f.let(i32.load16_u(frame, 4));
    const flags = f.let(i32.load(frame, 8));
    refuseIf(has(flags, UNUSUAL_IMAGE));
    const isFlat = (selector: I32, kind: Flat, dpl: 0 | 3): I32 =>
      use.library(IS_FLAT, selector, i32.const(highWord(kind, dpl)));
    const ip = f.let(i32.load(frame));

    f.if(
      i32.eq(has(cs, SELECTOR.RPL), i32.const(3)),
      () => {
        refuseUnless(isFlat(cs, 'CODE', 3));
        const outer = lookUp(f, state, TLB.READ, i32.add(sp, i32.const(12)), 8);
        const ss = f.let(i32.load16_u(outer, 4));
        refuseUnless(i32.eq(has(ss, SELECTOR.RPL), i32.const(3)));
        refuseUnless(isFlat(ss, 'DATA', 3));
        for (const n of [SEG.ES, SEG.DS, SEG.FS, SEG.GS]) {
          // Unusable or of level 3: what the outer level may keep.
          const attributes = f.let(field(state, segmentField(n, SEGMENT.ATTRIBUTES)));
          const keeps = i32.eq(has(attributes, ATTRIBUTE.DPL), i32.const(ATTRIBUTE.DPL));
          refuseUnless(i32.or(has(attributes, ATTRIBUTE.UNUSABLE), keeps));
        }
        setSp(f, state, i32.load(outer));
        loadFlat(f, state, SEG.SS, 'DATA', 3, ss);
        loadFlat(f, state, SEG.CS, 'CODE', 3, cs);
        setLevel(f, state, 3);
      },
      () => {
        refuseIf(has(cs, SELECTOR.RPL));
        refuseUnless(isFlat(cs, 'CODE', 0));
        setSp(f, state, i32.add(sp, i32.const(12)));
        loadFlat(f, state, SEG.CS, 'CODE', 0, cs);
      },
    );
    setRip(f, state, ip);
    f.store('i32', state, i32.const(0), STATE.FLAG_KIND);
    f.store('i64', state, i64.extend_i32_u(has(flags, STATUS_FLAGS)), STATE.FLAG_A);
    f.store('i32', state, i32.or(has(flags, SYSTEM_FLAGS), i32.const(2)), STATE.FLAG_SYSTEM);
    f.store('i32', state, field(state, STATE.BUDGET), STATE.RF_BUDGET);
    f.return(i32.const(1));
    f.unreachable();
  },
};

/** (record) -> 1 when done: INT n */
const INT: LibraryFunction<'i32'> = {
  name: 'int',
  params: ['i32'],
  result: 'i32',
  build: (f, use) => {
    const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const { refuseIf } = refusals(f);
    const flags = f.let(use.library(RFLAGS));
    f.if(has(flags, FLAG.RF), () => {
      // It lasts for the instruction after the IRET that has set it, and counts no more after that.
      refuseIf(i32.eq(i32.add(field(state, STATE.BUDGET), i32.const(1)), field(state, STATE.RF_BUDGET)));
      f.set(flags, has(flags, ~FLAG.RF));
    });
    const vector = has(i32.wrap_i64(i64.load(record, RECORD.IMMEDIATE)), 0xff);
    const next = i64.add(recordIp(state, record), i64.extend_i32_u(i32.load8_u(record, RECORD.LENGTH)));
    const level = field(state, STATE.CPL);
    f.return(use.library(ENTER_GATE, vector, level, flags, i32.wrap_i64(next), i32.const(-1)));
    f.unreachable();
  },
};

/** (record) -> 1 when done: MOV from CR0, CR2, CR3 or CR4 */
const MOVE_FROM_CONTROL: LibraryFunction<'i32'> = {
  name: 'moveFromControl',
  params: ['i32'],
  result: 'i32',
  build: (f) => {
    const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
    const { refuseIf, refuseUnless } = refusals(f);
    refuseUnless(has(field(state, STATE.DIRECT), DIRECT.TRANSFERS));
    refuseIf(field(state, STATE.CPL));
    // Register fields of a record are offsets of 8 times the number; CR0, CR2, CR3 and CR4 lie one behind the other.
    const register = f.let(i32.load16_u(record, RECORD.REG));
    f.if(register, () => {
      f.set(register, i32.sub(register, i32.const(8)));
      refuseUnless(register);
    });
    refuseIf(i32.gt_u(register, i32.const(STATE.CR4 - STATE.CR0)));
    const value = i64.load(i32.add(state, register), STATE.CR0);
    const to = i32.add(state, i32.load16_u(record, RECORD.RM));
    f.store('i64', to, i64.and(value, i64.load(state, STATE.ADDRESS_MASK)), STATE.GPR);
    f.return(i32.const(1));
    f.unreachable();
  },
};

const recordIp = (state: I32, record: I32): I64 =>
  i64.add(i64.load(state, STATE.PAGE_IP), i64.load16_u(record, RECORD.OFFSET));

/** @param numberOf the number of a system operation by its name */
export function systemOperation(
  environment: Environment,
  numberOf: (name: string) => number,
): LibraryFunction<'i32'> {
  return {
    name: SYSTEM_OPERATION,
    params: ['i32'],
    result: 'i32',
    build: (f, use) => {
      const [state, record] = [f.param(0, 'i32'), f.param(1, 'i32')];
      const number = f.let(i32.load(record, RECORD.LINK));
      const from = f.let(field(state, STATE.CPL));
      const attempt = (name: string, act: () => I32) =>
        f.if(i32.eq(number, i32.const(numberOf(name))), () => {
          f.if(use.library(MAY_TRANSFER), () => {
            const rip = f.let(recordIp(state, record));
            f.if(act(), () => {
              const to = f.let(field(state, STATE.CPL));
              f.if(i32.ne(from, to), () => logCrossing(f, state, { cause: number, from, to, rip, cost: 0 }));
              f.return(i32.const(STATUS.TRANSFER));
            });
          });
        });
      attempt('sysenter', () => use.library(SYSENTER));
      attempt('sysexit', () => use.library(SYSEXIT));
      attempt('iret', () => use.library(IRET, record));
      f.if(i32.eq(number, i32.const(numberOf('moveFromControl'))), () =>
        f.if(use.library(MOVE_FROM_CONTROL, record), () => f.return(i32.const(STATUS.NEXT))),
      );
      attempt('int', () => use.library(INT, record));
      f.return(call('i32', environment.imports.system, record));
      f.unreachable();
    },
  };
}

/** Name under which the interpreter exports `systemOperation`. */
export const SYSTEM_OPERATION = 'systemOperation';
