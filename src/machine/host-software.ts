/** Software in ring -1 that is TypeScript: it gets the computer's processors as `HostCpu`s. */
import type { HostMemory, HostSoftware } from '../contracts/host-cpu.ts';
import { NativeHostCpu } from '../cpu/vmx/host-cpu.ts';
import { RamForHost } from '../cpu/vmx/host-memory.ts';
import { Vmx } from '../cpu/vmx/vmx.ts';
import type { Computer } from './computer.ts';

export { NATIVE_HOST_RIP } from '../cpu/vmx/host-cpu.ts';

/** The computer's RAM as ring -1 has it. */
export const hostMemory = (computer: Computer): HostMemory =>
  new RamForHost(computer.memory, computer.options.ramBytes, (address, bytes) => {
    computer.code.written(address, bytes);
    const { recorder } = computer.processor;
    if (recorder === undefined) return;
    const value = computer.ram.read(address, Math.min(bytes, SHOWN_BYTES));
    recorder({ kind: 'host-write', hostPhysical: address, bytes, value });
  });

/** Bytes of a long write that a recorder is told. */
const SHOWN_BYTES = 16;

/** The host software works with VT-x, and the computer has AMD-V. */
export class NoVtxError extends Error {
  constructor() {
    super(
      "The lab's hypervisor needs a computer with VT-x; this one has AMD-V. Run the guest on the bare machine.",
    );
    this.name = 'NoVtxError';
  }
}

/**
 * Hands all processors over: what they execute next is `software.takeOver`. Instead of `Computer.boot`. Throws
 * `NoVtxError`.
 */
export function installHostSoftware(computer: Computer, software: HostSoftware, memory: HostMemory): void {
  for (const processor of computer.processors) {
    const vmx = processor.virtualization;
    if (!(vmx instanceof Vmx)) throw new NoVtxError();
    new NativeHostCpu({
      index: processor.index,
      context: processor,
      vmx,
      memory,
      software,
    });
  }
}
