/** Compiles execute.c and runs tests through it, on this machine's processor. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { STATE_SIZE, State } from './layout.ts';

const TEST_HEAD = 24;
const TEST_SIZE = TEST_HEAD + STATE_SIZE;
const OUTCOME_HEAD = 16;
const OUTCOME_SIZE = OUTCOME_HEAD + STATE_SIZE;

/** An instruction to execute. */
export interface Test {
  readonly bits: 32 | 64;
  readonly code: Uint8Array;
  readonly repeats: boolean;
  readonly pushesFlags: boolean;
  readonly state: State;
}

/** What it did. The vector of an instruction that completed is 1. */
export interface Outcome {
  readonly vector: number;
  readonly errorCode: number;
  readonly address: bigint;
  readonly state: State;
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

function succeed(program: string, args: readonly string[], input?: Uint8Array): Buffer {
  const result = spawnSync(program, args, { ...(input ? { input } : {}), maxBuffer: 1 << 30 });
  if (result.error) throw new Error(`${program}: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(
      `${program} failed (${result.signal ?? result.status}): ${result.stderr.toString().trim()}`,
    );
  }
  return result.stdout;
}

/** Compiles the C program; gives back its path. Throws on a host that is not Linux on x86-64 with a C compiler. */
export function compileExecutor(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('vectors are recorded on Linux on an x86-64 processor');
  }
  mkdirSync(path('../../.cache'), { recursive: true });
  const program = path('../../.cache/execute');
  succeed('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, path('execute.c')]);
  return program;
}

/** Collects tests, up to some ten thousand, and runs them together. */
export class Batch {
  readonly #input: Buffer;
  #count = 0;

  constructor(capacity: number) {
    this.#input = Buffer.alloc(capacity * TEST_SIZE);
  }

  get length(): number {
    return this.#count;
  }

  add(test: Test): void {
    const at = this.#count++ * TEST_SIZE;
    this.#input[at] = test.bits;
    this.#input[at + 1] = test.code.length;
    this.#input.set(test.code, at + 2);
    this.#input[at + 18] = Number(test.repeats);
    this.#input[at + 19] = Number(test.pushesFlags);
    this.#input.set(test.state.bytes, at + TEST_HEAD);
  }

  /** Runs the tests; gives their outcomes in order, the same object for each. */
  *run(program: string): Generator<Outcome, void, undefined> {
    const output = succeed(program, [], this.#input.subarray(0, this.#count * TEST_SIZE));
    const state = new State();
    for (let at = 0; at < output.length; at += OUTCOME_SIZE) {
      state.bytes.set(output.subarray(at + OUTCOME_HEAD, at + OUTCOME_SIZE));
      yield {
        vector: output.readUInt32LE(at),
        errorCode: output.readUInt32LE(at + 4),
        address: output.readBigUInt64LE(at + 8),
        state,
      };
    }
  }
}
