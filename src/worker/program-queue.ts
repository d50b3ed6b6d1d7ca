import type { AssemblyResult, ProgramLibrary } from '../protocol/assembly.ts';
import type { ProgramCommand } from '../protocol/commands.ts';

export type ProgramAnswer = AssemblyResult | ProgramLibrary;
type Answering = (command: ProgramCommand) => Promise<ProgramAnswer>;

interface Waiting {
  readonly command: ProgramCommand;
  readonly resolve: (answer: ProgramAnswer | null) => void;
  readonly reject: (reason: unknown) => void;
}

/** Answers in the thread that asks. The assembler is loaded when it is first needed. */
export const inOwnThread: Answering = async (command) => (await import('./programs.ts')).answer(command);

/**
 * Questions about programs: answered one at a time, in order. Of texts that wait to be assembled only the latest
 * is: the others are answered with null at once.
 */
export class ProgramQueue {
  readonly #answer: Answering;
  readonly #waiting: Waiting[] = [];
  #busy = false;

  constructor(answer: Answering) {
    this.#answer = answer;
  }

  /** Rejects only when the answer cannot be made, which is a defect: errors of a source are in the answer. */
  ask(command: ProgramCommand): Promise<ProgramAnswer | null> {
    return new Promise((resolve, reject) => {
      if (command.kind === 'assemble') this.#dropTexts();
      this.#waiting.push({ command, resolve, reject });
      if (!this.#busy) void this.#work();
    });
  }

  #dropTexts(): void {
    for (const one of this.#waiting.splice(0)) {
      if (one.command.kind === 'assemble') one.resolve(null);
      else this.#waiting.push(one);
    }
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      await this.#answer(next.command).then(next.resolve, next.reject);
    this.#busy = false;
  }
}
