/** Which fields of the VMCS a world switch moves: for a recorder, and only while there is one. */
import { FIELDS, fieldKind, fieldWidth } from '../../arch/vmcs.ts';
import type { Recorder, StateField } from '../micro-operations.ts';
import type { SystemContext } from '../system/context.ts';
import type { FieldListener, Vmcs } from './format.ts';

const NAMES = new Map(FIELDS.map(({ encoding, name }) => [encoding, name as string]));

export class FieldTrace implements FieldListener {
  private readonly recorder: Recorder;
  private readonly vmcs: Vmcs;
  /** Encodings, in the order in which they came first. */
  private readonly readFields = new Set<number>();
  private readonly writtenFields = new Set<number>();

  private constructor(recorder: Recorder, vmcs: Vmcs) {
    this.recorder = recorder;
    this.vmcs = vmcs;
    vmcs.listener = this;
  }

  /** Undefined where nobody records. Has to be ended. */
  static begin({ recorder }: SystemContext, vmcs: Vmcs): FieldTrace | undefined {
    return recorder && new FieldTrace(recorder, vmcs);
  }

  read(field: number): void {
    this.readFields.add(field);
  }

  wrote(field: number): void {
    this.writtenFields.add(field);
  }

  /** Tells what was written since the beginning, and ends. */
  saved(): void {
    this.end();
    this.recorder({ kind: 'saved', fields: this.values(this.writtenFields) });
  }

  /** Tells from which fields of the host's or the guest's state was read, and ends. */
  loaded(of: 'guest' | 'host'): void {
    this.end();
    const fields = [...this.readFields].filter((field) => fieldKind(field) === of);
    this.recorder({ kind: 'loaded', of, fields: this.values(fields) });
  }

  end(): void {
    this.vmcs.listener = undefined;
  }

  private values(fields: Iterable<number>): StateField[] {
    const { vmcs } = this;
    return [...fields].map((field) => {
      const width = fieldWidth(field);
      const hi = width === 64 || width === 'natural' ? BigInt(vmcs.hi(field) >>> 0) << 32n : 0n;
      return { name: NAMES.get(field) ?? field.toString(16), value: hi | BigInt(vmcs.lo(field) >>> 0) };
    });
  }
}
