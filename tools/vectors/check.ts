/**
 * Runs the committed vectors on this machine's processor and reports where it differs from the one that recorded them.
 *
 * Usage: npm run vectors:check [-- NAME...]
 */
import { differences, explain } from './compare.ts';
import { Batch, compileExecutor } from './executor.ts';
import { State } from './layout.ts';
import { readVectorFile, type Vector, vectorFiles } from './reader.ts';

const BATCH = 20_000;
const SHOWN = 10;

const program = compileExecutor();

/** A copy of what the reader will overwrite. */
function keep(vector: Vector): Vector {
  const initial = new State();
  initial.copyFrom(vector.initial);
  const expected = new State();
  expected.copyFrom(vector.expected);
  return { ...vector, initial, expected };
}

const isRepeated = (vector: Vector) => vector.template.name.startsWith('REP');
const pushesFlags = (vector: Vector) => vector.template.name.startsWith('PUSHF');

function runBatch(vectors: readonly Vector[]): string[] {
  const batch = new Batch(vectors.length);
  for (const vector of vectors) {
    const { code, initial: state, template } = vector;
    batch.add({
      bits: template.bits,
      code,
      repeats: isRepeated(vector),
      pushesFlags: pushesFlags(vector),
      state,
    });
  }
  const wrong: string[] = [];
  let index = 0;
  for (const outcome of batch.run(program)) {
    const vector = vectors[index++] as Vector;
    const found = differences(vector, outcome.state, outcome.vector === 1 ? null : outcome);
    if (found.length > 0) wrong.push(explain(vector, found));
  }
  return wrong;
}

function check(name: string): boolean {
  const wrong: string[] = [];
  let count = 0;
  let vectors: Vector[] = [];
  for (const vector of readVectorFile(name)) {
    count++;
    vectors.push(keep(vector));
    if (vectors.length < BATCH) continue;
    wrong.push(...runBatch(vectors));
    vectors = [];
  }
  if (vectors.length > 0) wrong.push(...runBatch(vectors));
  console.log(`${name}: ${count} vectors, ${wrong.length} differ`);
  for (const line of wrong.slice(0, SHOWN)) console.log(`  ${line}`);
  return wrong.length === 0;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : vectorFiles();
const results = names.map(check);
process.exitCode = results.every((ok) => ok) ? 0 : 1;
