/** Exits of port accesses: to the VM's own devices. */
import { FLAG, SEG } from '../../arch/registers.ts';
import { FIELD } from '../../arch/vmcs.ts';
import { IO_ACCESS } from '../../arch/vmx.ts';
import type { AccessSize } from '../../contracts/device.ts';
import { COST } from '../costs.ts';
import { linearAddress, readGpr, writeGpr } from '../guest-state.ts';
import type { ExitContext } from './context.ts';

const [RAX, RCX, RSI, RDI] = [0, 1, 6, 7];
/** Elements of a REP INS or OUTS that one exit handles. */
const BATCH = 256;

export function ioInstruction(x: ExitContext): void {
  x.cpu.charge(COST.IO);
  const { qualification } = x;
  const size = ((qualification & IO_ACCESS.SIZE) + 1) as AccessSize;
  const port = qualification >>> IO_ACCESS.PORT_SHIFT;
  const input = (qualification & IO_ACCESS.IN) !== 0;
  if ((qualification & IO_ACCESS.STRING) !== 0) {
    stringIo(x, { port, size, input, rep: (qualification & IO_ACCESS.REP) !== 0 });
    return;
  }
  const { gprs } = x.cpu;
  const { ports } = x.vm.board;
  if (input) {
    const value = ports.read(port, size);
    writeGpr(x.cpu, RAX, size, value, 0);
  } else {
    const value = gprs[2 * RAX];
    ports.write(port, size, size === 4 ? value : value & (2 ** (8 * size) - 1));
  }
  x.skipInstruction();
}

interface StringIo {
  readonly port: number;
  readonly size: AccessSize;
  readonly input: boolean;
  readonly rep: boolean;
}

/** INS and OUTS. A batch of a repeated one; what is left makes the instruction exit again. */
function stringIo(x: ExitContext, { port, size, input, rep }: StringIo): void {
  const { cpu } = x;
  const info = cpu.vmread(FIELD.EXIT_INSTRUCTION_INFO);
  const addressBits = 16 << ((info >> 7) & 7);
  const segment = input ? SEG.ES : (info >> 15) & 7;
  const index = input ? RDI : RSI;
  const wide = addressBits === 64;
  const truncate = (value: number): number =>
    wide ? value : addressBits === 32 ? value >>> 0 : value & 0xffff;
  const bytes = wide ? 8 : addressBits === 32 ? 4 : 2;
  const set = (register: number, value: number): void =>
    writeGpr(cpu, register, bytes, value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
  const step = (cpu.vmread(FIELD.GUEST_RFLAGS) & FLAG.DF) !== 0 ? -size : size;
  let left = rep ? truncate(readGpr(cpu, RCX, wide)) : 1;
  for (let done = 0; done < BATCH && left > 0; done++, left--) {
    const offset = truncate(readGpr(cpu, index, wide));
    if (!element(x, { port, size, input, rep }, linearAddress(cpu, segment, offset))) return;
    set(index, offset + step);
    if (rep) set(RCX, left - 1);
  }
  if (left === 0) x.skipInstruction();
}

/** One element; false after #PF. An element that crosses a page is taken byte by byte. */
function element(x: ExitContext, io: StringIo, linear: number): boolean {
  const physical: number[] = [];
  for (let i = 0; i < io.size; i++) {
    const at = x.translate(linear + i, io.input ? 'write' : 'read', true);
    if (at < 0) return false;
    physical.push(at);
  }
  const { memory, board } = x.vm;
  if (io.input) {
    const value = board.ports.read(io.port, io.size);
    physical.forEach((at, i) => {
      if (memory.isRam(at)) memory.write(at, Uint8Array.of((value >>> (8 * i)) & 0xff));
    });
  } else {
    let value = 0;
    physical.forEach((at, i) => {
      value += (memory.isRam(at) ? memory.read(at, 1)[0] : 0xff) * 2 ** (8 * i);
    });
    board.ports.write(io.port, io.size, value);
  }
  return true;
}
