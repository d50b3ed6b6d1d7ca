import type { BitField, RegisterView } from './processor-view.ts';
import type { VcpuRef } from './target.ts';

/** A model-specific register that debuggers know. */
export interface MsrView extends RegisterView {
  readonly index: number;
  readonly meaning: string;
}

/** A segment register's hidden part, down to the bits of its access rights. */
export interface HiddenSegment {
  readonly name: string;
  readonly selector: number;
  readonly selectorFields: readonly BitField[];
  readonly base: bigint;
  readonly limit: number;
  /** In the layout of the VMCS access-rights field. */
  readonly attributes: number;
  readonly fields: readonly BitField[];
  readonly changed: boolean;
}

export interface StructureFieldView {
  readonly name: string;
  readonly value: bigint;
  readonly bits: 8 | 16 | 32 | 64;
  readonly changed: boolean;
}

/** What a vCPU is kept in for its hypervisor: a VMCS or VMCB, read from the memory where it lies. */
export interface StructureView {
  readonly name: string;
  /** Host-physical. */
  readonly address: bigint;
  readonly groups: readonly { readonly title: string; readonly fields: readonly StructureFieldView[] }[];
}

/** What system software sets up beside control registers. */
export interface SystemView {
  readonly of: VcpuRef;
  readonly debug: readonly RegisterView[];
  readonly msrs: readonly MsrView[];
  readonly segments: readonly HiddenSegment[];
  /** Null where no hypervisor has one. */
  readonly structure: StructureView | null;
}
