import type { AddressSpace, VcpuRef } from './target.ts';

/**
 * A change of a machine by the user: an input from outside, like a key on its console. Plain data, so
 * that it can be journalled and made again.
 */
export type MachineEdit =
  /**
   * Sets a register of a vCPU. `register` is a name as the registers panel shows it, in lower case: `rax`,
   * `eip`, `rflags`, `ds`, `cr3`, `efer`, `ia32_lstar`; also `fs_base` and `gs_base`, `xmm0` and `st0`.
   */
  | {
      readonly kind: 'register';
      readonly on: VcpuRef;
      readonly register: string;
      readonly value: bigint;
    }
  /** Writes bytes as this vCPU sees the address space; page rights do not matter, as for a debugger. */
  | {
      readonly kind: 'memory';
      readonly on: VcpuRef;
      readonly space: AddressSpace;
      readonly address: bigint;
      readonly bytes: readonly number[];
    };
