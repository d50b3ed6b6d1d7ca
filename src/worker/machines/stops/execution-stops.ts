import type { Processor } from '../../../cpu/processor.ts';
import type { VmId } from '../../../protocol/target.ts';
import { signedNumber } from '../../views/numbers.ts';
import type { LabMachine } from '../lab-machine.ts';
import type { LiveStop } from './stop-list.ts';

/** An instruction of a machine; the address as the processor holds it. */
export interface CodeAddress {
  readonly vm: VmId;
  readonly address: number;
}

/** Addresses at which the instructions of a computer's machines wait for the user. */
export class ExecutionStops {
  readonly #machine: LabMachine;
  #byAddress = new Map<number, LiveStop[]>();
  #byPhysical: ReadonlyMap<number, readonly LiveStop[]> = new Map();
  /** One that nobody sees, for a step over a call. */
  #temporary: CodeAddress | null = null;

  constructor(machine: LabMachine) {
    this.#machine = machine;
    for (const processor of machine.computer.processors) {
      processor.breakpointFilter = (linear) => {
        const on = machine.running(processor);
        if (on === undefined) return false;
        return this.at(processor, on.vm, linear).length > 0 || this.isTemporary(on.vm, linear);
      };
    }
  }

  /** @param stops at linear addresses */
  set(stops: readonly LiveStop[]): void {
    const byAddress = new Map<number, LiveStop[]>();
    for (const stop of stops) {
      const { trigger } = stop.settings;
      if (trigger.kind !== 'address') continue;
      const linear = signedNumber(trigger.address);
      byAddress.set(linear, [...(byAddress.get(linear) ?? []), stop]);
    }
    const same = sameKeys(byAddress, this.#byAddress);
    this.#byAddress = byAddress;
    // What is decoded has to go when addresses change.
    if (!same) this.#apply();
  }

  /** @param stops by the host-physical address where they are now */
  setPhysical(stops: ReadonlyMap<number, readonly LiveStop[]>): void {
    const same = sameKeys(stops, this.#byPhysical);
    this.#byPhysical = stops;
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

  /** Stops at the instruction that a processor has looked up last. */
  at({ found }: Processor, vm: VmId, linear: number): readonly LiveStop[] {
    const all = [...(this.#byAddress.get(linear) ?? []), ...(this.#byPhysical.get(found.physical) ?? [])];
    return all.filter(({ settings }) => settings.vm === null || settings.vm === vm);
  }

  #apply(): void {
    const all = new Set(this.#byAddress.keys());
    if (this.#temporary !== null) all.add(this.#temporary.address);
    for (const processor of this.#machine.computer.processors)
      processor.setBreakpoints(all, new Set(this.#byPhysical.keys()));
  }
}

const sameKeys = (a: ReadonlyMap<number, unknown>, b: ReadonlyMap<number, unknown>): boolean =>
  a.size === b.size && [...a.keys()].every((key) => b.has(key));
