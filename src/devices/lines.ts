import type { Device, InterruptLine } from '../contracts/device.ts';
import { copyState } from './state.ts';

/** A wire that ends nowhere. */
export const unconnected: InterruptLine = { set: () => {} };

/** One wire that several receivers hang on. */
export const fanOut = (...receivers: readonly InterruptLine[]): InterruptLine => ({
  set: (level) => {
    for (const receiver of receivers) receiver.set(level);
  },
});

/**
 * A level-triggered wire that several devices pull: active while any of its inputs is.
 * Inputs are made once, in a fixed order; their levels are the state.
 */
export class SharedLine implements Device<boolean[]> {
  private levels: boolean[] = [];
  private readonly output: InterruptLine;

  constructor(output: InterruptLine) {
    this.output = output;
  }

  input(): InterruptLine {
    const index = this.levels.push(false) - 1;
    return {
      set: (level) => {
        this.levels[index] = level;
        this.output.set(this.levels.includes(true));
      },
    };
  }

  /** Nothing to do: a wire carries what the devices drive. */
  reset(): void {}

  save(): boolean[] {
    return copyState(this.levels);
  }

  restore(state: boolean[]): void {
    this.levels = copyState(state);
  }
}
