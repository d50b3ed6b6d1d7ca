/** PUSH, POP, PUSHA, POPA, ENTER, LEAVE. SDM volume 2. The stack pointer moves last, so that a fault leaves it alone. */
import { type I64, i64 } from '../../wasm/expression.ts';
import type { Context, Instruction, Semantics } from '../definition.ts';

const RSP = 4;
const RBP = 5;

const push: Semantics = (c) => c.push(c.f.let(c.read(0)));

const pop: Semantics = (c) => {
  const value = c.f.let(c.stackRead(c.sp(0)));
  // The stack pointer moves first: POP rSP ends with the popped value.
  c.setSp(c.sp(c.size / 8));
  c.write(0, value);
};

/** POP to memory: an address based on rSP uses the pointer after the pop; a fault must not move it. */
const popMemory: Semantics = (c) => {
  if (!c.isMemory(0)) {
    pop(c);
    return;
  }
  const value = c.f.let(c.stackRead(c.sp(0)));
  const old = c.f.let(c.gpr(RSP));
  c.setSp(c.sp(c.size / 8));
  const address = c.f.let(c.effectiveAddress());
  const after = c.f.let(c.gpr(RSP));
  c.setGpr(RSP, old);
  const host = c.hostWriteAt(address, c.size / 8, undefined);
  c.f.store(c.size === 16 ? 'i64_16' : c.size === 32 ? 'i64_32' : 'i64', host, value);
  c.commit(host);
  c.setGpr(RSP, after);
};

/** rAX rCX rDX rBX rSP rBP rSI rDI, pushed in this order. */
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

const pushAll: Semantics = (c) => {
  const bytes = c.size / 8;
  for (const n of ALL) c.stackWrite(c.sp(-(n + 1) * bytes), c.gpr(n, c.size));
  c.setSp(c.sp(-8 * bytes));
};

/** In the order of the stack: rDI first. A fault in the middle leaves those before it popped, rSP where it was. */
const popAll: Semantics = (c) => {
  const bytes = c.size / 8;
  for (const n of ALL.toReversed()) {
    const value = c.f.let(c.stackRead(c.sp((7 - n) * bytes)));
    // The saved rSP is dropped.
    if (n !== RSP) c.setGpr(n, value, c.size);
  }
  c.setSp(c.sp(8 * bytes));
};

/** rBP within the stack's address size: what `sp` gives for the stack pointer. */
const frameOffset = (c: Context, delta: number): I64 =>
  c.sp(i64.add(i64.sub(c.gpr(RBP), c.gpr(RSP)), i64.const(delta)));

const leave: Semantics = (c) => {
  const value = c.f.let(c.stackRead(frameOffset(c, 0)));
  c.setSp(frameOffset(c, c.size / 8));
  c.setGpr(RBP, value, c.size);
};

/**
 * ENTER with nesting level 0..31: pushes rBP, copies level - 1 frame pointers, pushes the new one. It reads what it
 * may have written, so it must not begin again after a look-up that failed: a region leaves it to its handler.
 */
const enter: Semantics = (c) => {
  const { f, size } = c;
  const bytes = size / 8;
  const level = f.let(i64.and(c.secondImmediate(), i64.const(31)));
  const allocation = i64.and(c.immediate(), i64.const(0xffff));
  c.stackWrite(c.sp(-bytes), c.gpr(RBP, size));
  const frame = f.let(i64.add(c.gpr(RSP), i64.const(-bytes)));
  /** Bytes below the stack pointer that are in use. */
  const used = f.let(i64.const(bytes));
  f.if(i64.ne(level, i64.const(0)), () => {
    const copied = f.let(i64.const(1));
    f.block((end) => {
      f.loop((head) => {
        f.brIf(end, i64.ge_u(copied, level));
        const back = i64.mul(copied, i64.const(-bytes));
        const pointer = f.let(c.stackRead(c.sp(i64.add(i64.sub(c.gpr(RBP), c.gpr(RSP)), back))));
        f.set(used, i64.add(used, i64.const(bytes)));
        c.stackWrite(c.sp(i64.sub(i64.const(0), used)), pointer);
        f.set(copied, i64.add(copied, i64.const(1)));
        f.br(head);
      });
    });
    f.set(used, i64.add(used, i64.const(bytes)));
    c.stackWrite(c.sp(i64.sub(i64.const(0), used)), frame);
  });
  c.setSp(c.sp(i64.sub(i64.const(0), i64.add(used, allocation))));
  c.setGpr(RBP, frame, size);
};

export const stackInstructions: readonly Instruction[] = [
  { mnemonic: 'PUSH', encoding: '50+r', operands: 'Zv', attributes: 'd64 hot', semantics: push },
  { mnemonic: 'POP', encoding: '58+r', operands: 'Zv', attributes: 'd64 write hot', semantics: pop },
  { mnemonic: 'PUSH', encoding: '68', operands: 'Iz', attributes: 'd64', semantics: push },
  { mnemonic: 'PUSH', encoding: '6A', operands: 'Ibs', attributes: 'd64 hot', semantics: push },
  { mnemonic: 'PUSH', encoding: 'FF /6', operands: 'Ev', attributes: 'd64', semantics: push },
  { mnemonic: 'POP', encoding: '8F /0', operands: 'Ev', attributes: 'd64 write', semantics: popMemory },
  { mnemonic: 'PUSHA', encoding: '60', attributes: 'i64 v', semantics: pushAll },
  { mnemonic: 'POPA', encoding: '61', attributes: 'i64 v', semantics: popAll },
  { mnemonic: 'ENTER', encoding: 'C8', operands: 'Iw,Ib', attributes: 'd64 spilled', semantics: enter },
  { mnemonic: 'LEAVE', encoding: 'C9', attributes: 'd64 hot', semantics: leave },
];
