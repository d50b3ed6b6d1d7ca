import type { AddressSpace } from './target.ts';

/** Something that was written at some time: what "who wrote this?" is asked of. */
export type Written =
  /** A register of the vCPU, by its name; a part of it stands for the whole. */
  | { readonly kind: 'register'; readonly name: string }
  | {
      readonly kind: 'memory';
      readonly space: AddressSpace;
      readonly address: bigint;
      /** Bytes; within one page. */
      readonly length: number;
    }
  /** A field of what the vCPU is kept in for its hypervisor, by the manual's name: a VMCS's GUEST_RIP. */
  | { readonly kind: 'field'; readonly name: string }
  /** A byte on the machine's console, counted back from the last one, which is 0. */
  | { readonly kind: 'output'; readonly back: number };
