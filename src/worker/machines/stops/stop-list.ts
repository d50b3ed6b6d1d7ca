import { type Condition, ConditionError, parseCondition } from '../../../protocol/condition.ts';
import type { Stop, StopSettings, StopsView } from '../../../protocol/stops.ts';
import type { VmId } from '../../../protocol/target.ts';
import { Refusal } from '../../refusal.ts';
import { checkTrigger } from './check.ts';

/** A stop with its condition ready for use. It stays the same object for as long as it exists. */
export interface LiveStop {
  readonly id: number;
  readonly settings: StopSettings;
  readonly condition: Condition | undefined;
  hits: number;
}

/** All stops of the lab, in the order in which they were set. They are part of no machine's state. */
export class StopList {
  #stops: readonly LiveStop[] = [];
  #nextId = 1;
  readonly #changed: () => void;

  /** @param changed called after each change of what is set, not of hits */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get all(): readonly LiveStop[] {
    return this.#stops;
  }

  view(): StopsView {
    return this.#stops.map(({ id, hits, settings }): Stop => ({ ...settings, id, hits }));
  }

  /** @returns its id. Throws `Refusal` that names the field. */
  add(settings: StopSettings): number {
    const id = this.#nextId;
    this.#replace([...this.#stops, live(id, settings, 0)]);
    this.#nextId++;
    return id;
  }

  /** Hits are kept while it waits for the same. Throws `Refusal` that names the field. */
  change(id: number, settings: StopSettings): void {
    const former = this.#find(id);
    const same = sameTrigger(former.settings, settings);
    const stop = live(id, settings, same ? former.hits : 0);
    this.#replace(this.#stops.map((one) => (one === former ? stop : one)));
  }

  remove(id: number): void {
    const former = this.#find(id);
    this.#replace(this.#stops.filter((one) => one !== former));
  }

  /** Sets a stop at an address of a machine, or removes those that are there. @returns whether one is set now */
  toggleAddress(vm: VmId, address: bigint): boolean {
    const others = this.#stops.filter(({ settings }) => !isAt(settings, vm, address));
    const set = others.length === this.#stops.length;
    if (set) this.add({ ...PLAIN, vm, trigger: { kind: 'address', address } });
    else this.#replace(others);
    return set;
  }

  /** Where the lines of a machine's code show a breakpoint. */
  addressesOf(vm: VmId): ReadonlySet<bigint> {
    const addresses = new Set<bigint>();
    for (const { settings } of this.#stops) {
      const { trigger, enabled } = settings;
      if (enabled && trigger.kind === 'address' && isAt(settings, vm, trigger.address)) {
        addresses.add(trigger.address);
      }
    }
    return addresses;
  }

  /** A machine is gone. */
  forget(vm: VmId): void {
    this.#replace(this.#stops.filter(({ settings }) => settings.vm !== vm));
  }

  #find(id: number): LiveStop {
    const found = this.#stops.find((one) => one.id === id);
    if (found === undefined) throw new Refusal(`There is no stop ${id} any more.`);
    return found;
  }

  #replace(stops: readonly LiveStop[]): void {
    this.#stops = stops;
    this.#changed();
  }
}

const PLAIN = { enabled: true, level: 'any', condition: '', fromHit: 1 } as const;

/** Whether the user sees it as the breakpoint of a line of a machine's code. */
const isAt = ({ trigger, vm }: StopSettings, of: VmId, address: bigint): boolean =>
  trigger.kind === 'address' && trigger.address === address && (vm === null || vm === of);

function sameTrigger(a: StopSettings, b: StopSettings): boolean {
  const entries = (settings: StopSettings) => Object.entries({ ...settings.trigger, vm: settings.vm });
  const [first, second] = [entries(a), entries(b)];
  return (
    first.length === second.length &&
    first.every(([key, value], i) => {
      const [otherKey, otherValue] = second[i];
      return key === otherKey && value === otherValue;
    })
  );
}

function live(id: number, settings: StopSettings, hits: number): LiveStop {
  checkTrigger(settings);
  return { id, settings, condition: conditionOf(settings.condition), hits };
}

function conditionOf(text: string): Condition | undefined {
  if (text.trim() === '') return undefined;
  try {
    return parseCondition(text);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    throw new Refusal(`${error.message}.`, 'condition', 'For example: rax == 0x10 && [rsp + 8]:8 != 0');
  }
}
