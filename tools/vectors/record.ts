/**
 * Records the vector files on this machine's processor.
 *
 * Usage: npm run vectors:record [-- NAME...]     all files, or those named
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';
import { Batch, compileExecutor, type Outcome } from './executor.ts';
import { type TemplateHeader, VectorWriter } from './format.ts';
import { GROUPS, type Group } from './groups.ts';
import { makeInitial, type Profile } from './initial.ts';
import { Instance } from './instance.ts';
import { CODE, flagMask, OFFSET, State } from './layout.ts';
import { mix, Random } from './random.ts';
import { sizesOf, type Template } from './template.ts';

const FIRST_SEED = 0x52494e47;
const INTEGERS: Profile = { memory: 'integer' };

/** A test with what the writer needs to know besides the processor's answer. */
interface Prepared {
  readonly made: State;
  readonly initial: State;
  readonly code: Uint8Array;
  readonly undefinedFlags: number;
  readonly ignored: { readonly offset: number; readonly length: number };
}

function prepare(template: Template, bits: 32 | 64, size: number, seed: number): Prepared {
  const made = new State();
  makeInitial(made, seed, template.profile ?? INTEGERS, bits);
  const initial = new State();
  initial.copyFrom(made);
  const instance = new Instance(template, bits, size, new Random(mix(seed, 1)), initial);
  if (instance.code.length > 15)
    throw new Error(`${template.name} ${template.encoding}: longer than 15 bytes`);
  const letters =
    typeof template.undefined === 'function' ? template.undefined(instance) : (template.undefined ?? '');
  return {
    made,
    initial,
    code: Uint8Array.from(instance.code),
    undefinedFlags: flagMask(letters),
    ignored: instance.ignored,
  };
}

const assumed = new State();

function write(writer: VectorWriter, prepared: Prepared, outcome: Outcome): void {
  const { initial, ignored } = prepared;
  const exception = outcome.vector === 1 ? null : outcome;
  const { state } = outcome;
  const start = OFFSET.window + ignored.offset;
  state.bytes.set(initial.bytes.subarray(start, start + ignored.length), start);
  assumed.copyFrom(initial);
  if (!exception) assumed.u32[OFFSET.rip / 4] = CODE + prepared.code.length;
  writer.add({ ...prepared, exception }, prepared.made, initial, assumed, state);
}

function recordTemplate(
  group: Group,
  template: Template,
  writer: VectorWriter,
  program: string,
  next: () => number,
) {
  const sizes = sizesOf(template.size, group.bits);
  const each = Math.max(4, Math.round(group.count * (template.weight ?? 1)));
  const batch = new Batch(each * sizes.length);
  const prepared: Prepared[] = [];
  for (const size of sizes) {
    for (let i = 0; i < each; i++) {
      const item = prepare(template, group.bits, size, next());
      batch.add({
        bits: group.bits,
        code: item.code,
        repeats: template.repeats ?? false,
        pushesFlags: template.pushesFlags ?? false,
        state: item.initial,
      });
      prepared.push(item);
    }
  }
  let index = 0;
  for (const outcome of batch.run(program)) write(writer, prepared[index++] as Prepared, outcome);
  return index;
}

function record(group: Group, seed: number, program: string): void {
  const writer = new VectorWriter();
  const headers: TemplateHeader[] = [];
  let count = 0;
  const next = () => mix(seed, count++);
  for (const template of group.templates) {
    if (template.only !== undefined && template.only !== group.bits) continue;
    const recorded = recordTemplate(group, template, writer, program, next);
    headers.push({
      name: `${template.name} ${template.encoding}`,
      bits: group.bits,
      profile: template.profile ?? INTEGERS,
      undefinedStatus: template.undefinedStatus ?? 0,
      tolerance: template.tolerance ?? 'exact',
      count: recorded,
    });
  }
  const file = writer.finish(group.name, seed, headers);
  const packed = brotliCompressSync(file, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 10,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: file.length,
    },
  });
  writeFileSync(new URL(`./data/${group.name}.bin.br`, import.meta.url), packed);
  const sizes = `${(file.length / 1e6).toFixed(2)} MB, packed ${(packed.length / 1e6).toFixed(2)} MB`;
  console.log(
    `${group.name.padEnd(15)} ${String(count).padStart(7)} vectors of ${headers.length} forms: ${sizes}`,
  );
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  console.error(
    `no vector file ${unknown.join(', ')}; there are: ${GROUPS.map((group) => group.name).join(', ')}`,
  );
  process.exit(2);
}
mkdirSync(new URL('./data/', import.meta.url), { recursive: true });
const program = compileExecutor();
GROUPS.forEach((group, index) => {
  if (names.length === 0 || names.includes(group.name)) record(group, mix(FIRST_SEED, index), program);
});
