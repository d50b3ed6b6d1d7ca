import type { Step } from './command.ts';
import { StreamMatcher } from './stream-matcher.ts';

/**
 * A conversation with a console: waits for texts in the stream of output and says what to type when
 * they have come. Knows neither console nor time; the same stream gives the same answers, however it
 * is cut into chunks.
 */
export class Conversation {
  readonly #steps: readonly Step[];
  #next = 0;
  #matcher: StreamMatcher | undefined;
  #met = 0;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** How many texts have been seen. */
  get met(): number {
    return this.#met;
  }

  /** True when the script ended with a text to wait for, and it came. After a final `send` the guest goes on. */
  get over(): boolean {
    return this.#next === this.#steps.length && this.#steps.at(-1)?.kind === 'until';
  }

  /** The text that is waited for. */
  get waitingFor(): string | undefined {
    const step = this.#steps[this.#next];
    return step?.kind === 'until' ? step.text : undefined;
  }

  /** What to type before any output has come. */
  start(): Uint8Array[] {
    return this.#advance();
  }

  /** Takes output; returns what is to be typed now, in order. Output that came before a match does not count again. */
  feed(output: Uint8Array): Uint8Array[] {
    const typed: Uint8Array[] = [];
    let rest = output;
    while (this.#matcher !== undefined && rest.length > 0) {
      const end = this.#matcher.feed(rest);
      if (end === undefined) break;
      rest = rest.subarray(end);
      this.#met++;
      this.#next++;
      typed.push(...this.#advance());
    }
    return typed;
  }

  /** Passes over the `send` steps that are due and prepares for the next `until`. */
  #advance(): Uint8Array[] {
    const typed: Uint8Array[] = [];
    let step = this.#steps[this.#next];
    for (; step?.kind === 'send'; step = this.#steps[++this.#next]) typed.push(step.bytes);
    this.#matcher = step === undefined ? undefined : new StreamMatcher(step.bytes);
    return typed;
  }
}
