import type { VmId } from '../../protocol/target.ts';
import { signedNumber, unsigned64 } from '../views/numbers.ts';
import type { LabMachine } from './lab-machine.ts';

/** Linear addresses at which a VM's instructions are not executed until the user says so. */
export class Breakpoints {
  readonly #machine: LabMachine;
  /** By VM; addresses as the processor holds them. */
  readonly #set = new Map<VmId, Set<number>>();
  /** One that nobody sees, for a step over a call. */
  #temporary: { readonly vm: VmId; readonly address: number } | null = null;

  constructor(machine: LabMachine) {
    this.#machine = machine;
    for (const processor of machine.computer.processors) {
      processor.breakpointFilter = (linear) => {
        const on = machine.running(processor);
        return on !== undefined && this.#holds(on.vm, linear);
      };
    }
  }

  /** Sets it, or clears it when it is set; answers whether it is set now. */
  toggle(vm: VmId, address: bigint): boolean {
    const linear = signedNumber(address);
    const own = this.#set.get(vm) ?? new Set();
    const set = !own.delete(linear);
    if (set) own.add(linear);
    this.#set.set(vm, own);
    this.#apply();
    return set;
  }

  setTemporary(temporary: { readonly vm: VmId; readonly address: number } | null): void {
    if (temporary === this.#temporary) return;
    this.#temporary = temporary;
    this.#apply();
  }

  isTemporary(vm: VmId, address: number): boolean {
    return this.#temporary?.vm === vm && this.#temporary.address === address;
  }

  of(vm: VmId): ReadonlySet<bigint> {
    return new Set([...(this.#set.get(vm) ?? [])].map(unsigned64));
  }

  forget(vm: VmId): void {
    if (this.#set.delete(vm)) this.#apply();
  }

  #holds(vm: VmId, linear: number): boolean {
    return this.#set.get(vm)?.has(linear) === true || this.isTemporary(vm, linear);
  }

  #apply(): void {
    const all = new Set([...this.#set.values()].flatMap((own) => [...own]));
    if (this.#temporary !== null) all.add(this.#temporary.address);
    for (const processor of this.#machine.computer.processors) processor.setBreakpoints(all);
  }
}
