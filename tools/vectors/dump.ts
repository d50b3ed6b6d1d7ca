/**
 * Prints vectors for people.
 *
 * Usage: npx tsx tools/vectors/dump.ts FILE [TEXT-IN-TEMPLATE-NAME [COUNT]]
 */
import { FIELDS, type State } from './layout.ts';
import { readVectorFile, type Vector, vectorFiles } from './reader.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).reverse().toString('hex');

function changes(from: State, to: State): string[] {
  return FIELDS.flatMap(({ name, offset, size }) => {
    const before = hex(from.bytes.subarray(offset, offset + size));
    const after = hex(to.bytes.subarray(offset, offset + size));
    return before === after ? [] : [`    ${name.padEnd(12)} ${before} -> ${after}`];
  });
}

function print({ index, template, code, initial, expected, exception, undefinedFlags }: Vector): void {
  const end = exception
    ? ` exception ${exception.vector} (${exception.errorCode}) CR2 ${exception.address.toString(16)}`
    : '';
  const registers = Array.from(initial.u64.subarray(0, template.bits === 64 ? 16 : 8), (value) =>
    value.toString(16),
  );
  console.log(`${index} ${template.name} (${template.bits}): ${Buffer.from(code).toString('hex')}${end}`);
  console.log(`    registers    ${registers.join(' ')}, undefined flags ${undefinedFlags.toString(16)}`);
  for (const line of changes(initial, expected)) console.log(line);
}

const [file, text = '', count = '5'] = process.argv.slice(2);
if (file === undefined || !vectorFiles().includes(file)) {
  console.error(`usage: dump.ts FILE [TEXT [COUNT]], FILE one of: ${vectorFiles().join(', ')}`);
  process.exit(2);
}
let left = Number(count);
for (const vector of readVectorFile(file)) {
  if (!vector.template.name.includes(text)) continue;
  print(vector);
  if (--left === 0) break;
}
