import type { RegisterView } from '../protocol/processor-view.ts';
import type { StackView } from '../protocol/stack-view.ts';
import type { StructureView, SystemView } from '../protocol/system-view.ts';
import type { VectorsView } from '../protocol/vectors-view.ts';

/**
 * Values as they were shown while the machine stood still, to mark those that differ at the next stop.
 * What nobody has looked at is never marked.
 */
export class ShownValues {
  #before = new Map<string, string>();
  #shown = new Map<string, string>();

  /** The machine is about to run. */
  remember(): void {
    this.#before = this.#shown;
    this.#shown = new Map();
  }

  markStack(view: StackView): StackView {
    const of = `${view.of.vm}/${view.of.vcpu} stack`;
    const rows = view.rows.map((row) => ({
      ...row,
      changed: this.#changed(`${of} ${row.address}`, String(row.value)),
    }));
    return { ...view, rows };
  }

  markSystem(view: SystemView): SystemView {
    const of = `${view.of.vm}/${view.of.vcpu}`;
    const segment = (one: SystemView['segments'][number]) => ({
      ...one,
      changed: this.#changed(`${of} ${one.name}`, [one.selector, one.base, one.limit, one.attributes].join()),
    });
    return {
      ...view,
      debug: view.debug.map((one) => this.#mark(of, one)),
      // Time passes always.
      msrs: view.msrs.map((one) => (one.name === 'ia32_time_stamp_counter' ? one : this.#mark(of, one))),
      segments: view.segments.map(segment),
      structure: view.structure && this.#markStructure(of, view.structure),
    };
  }

  #markStructure(of: string, structure: StructureView): StructureView {
    const groups = structure.groups.map(({ title, fields }) => ({
      title,
      fields: fields.map((one) => ({
        ...one,
        changed: this.#changed(`${of} ${one.name}`, String(one.value)),
      })),
    }));
    return { ...structure, groups };
  }

  markVectors(view: VectorsView): VectorsView {
    const of = `${view.of.vm}/${view.of.vcpu}`;
    return {
      ...view,
      control: this.#mark(of, view.control),
      status: this.#mark(of, view.status),
      mxcsr: this.#mark(of, view.mxcsr),
      stack: view.stack.map((one) => ({
        ...one,
        changed: this.#changed(`${of} ${one.name}`, `${one.empty} ${one.raw}`),
      })),
      xmm: view.xmm.map((one) => ({ ...one, changed: this.#changed(`${of} ${one.name}`, one.bytes.join()) })),
    };
  }

  #mark<T extends RegisterView>(of: string, register: T): T {
    return { ...register, changed: this.#changed(`${of} ${register.name}`, String(register.value)) };
  }

  #changed(key: string, value: string): boolean {
    this.#shown.set(key, value);
    const before = this.#before.get(key);
    return before !== undefined && before !== value;
  }
}
