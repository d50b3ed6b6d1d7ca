import type { VmId } from '../../../protocol/target.ts';
import { signedNumber } from '../../views/numbers.ts';
import type { LabMachine } from '../lab-machine.ts';
import type { LiveStop } from './stop-list.ts';

/** An instruction of a machine; the address as the processor holds it. */
export interface CodeAddress {
  readonly vm: VmId;
  readonly address: number;
}

/** Linear addresses at which the instructions of a computer's machines wait for the user. */
export class ExecutionStops {
  readonly #machine: LabMachine;
  #byAddress = new Map<number, LiveStop[]>();
  /** One that nobody sees, for a step over a call. */
  #temporary: CodeAddress | null = null;

  constructor(machine: LabMachine) {
    this.#machine = machine;
    for (const processor of machine.computer.processors) {
      processor.breakpointFilter = (linear) => {
        const on = machine.running(processor);
        return on !== undefined && (this.at(on.vm, linear).length > 0 || this.isTemporary(on.vm, linear));
      };
    }
  }

  /** @param stops at addresses */
  set(stops: readonly LiveStop[]): void {
    const byAddress = new Map<number, LiveStop[]>();
    for (const stop of stops) {
      const { trigger } = stop.settings;
      if (trigger.kind !== 'address') continue;
      const linear = signedNumber(trigger.address);
      byAddress.set(linear, [...(byAddress.get(linear) ?? []), stop]);
    }
    const same =
      byAddress.size === this.#byAddress.size &&
      [...byAddress.keys()].every((linear) => this.#byAddress.has(linear));
    this.#byAddress = byAddress;
    // What is decoded has to go when addresses change.
    if (!same) this.#apply();
  }

  setTemporary(temporary: CodeAddress | null): void {
    if (temporary === this.#temporary) return;
    this.#temporary = temporary;
    this.#apply();
  }

  isTemporary(vm: VmId, address: number): boolean {
    return this.#temporary?.vm === vm && this.#temporary.address === address;
  }

  at(vm: VmId, linear: number): readonly LiveStop[] {
    const all = this.#byAddress.get(linear) ?? [];
    return all.filter(({ settings }) => settings.vm === null || settings.vm === vm);
  }

  #apply(): void {
    const all = new Set(this.#byAddress.keys());
    if (this.#temporary !== null) all.add(this.#temporary.address);
    for (const processor of this.#machine.computer.processors) processor.setBreakpoints(all);
  }
}
