/**
 * Writes src/guests/sources.ts, which holds the assembly sources of src/guests/asm as strings: so that
 * the page, the tests and the command line read the same texts without a build step.
 *
 * Usage: node scripts/embed-guests.mjs [--check]
 * With --check it writes nothing and fails when the file is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const guests = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'guests');
const target = join(guests, 'sources.ts');

/** Contents of the generated file. */
function generate() {
  const folder = join(guests, 'asm');
  const names = readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/'));
  const sources = names.filter((name) => /\.(asm|inc)$/.test(name)).sort();
  const literal = (/** @type {string} */ text) => `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``;
  const entries = sources.map(
    (name) => `  '${name}': ${literal(readFileSync(join(folder, name), 'utf8'))},\n`,
  );
  return [
    '// Made by scripts/embed-guests.mjs from the files in src/guests/asm: change those, then run it.\n\n',
    '/** Assembly sources and headers by file name. */\n',
    `export const FILES: Readonly<Record<string, string>> = {\n${entries.join('')}};\n`,
  ].join('');
}

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== generate()) {
    console.error('src/guests/sources.ts is out of date: run `node scripts/embed-guests.mjs`');
    process.exit(1);
  }
} else writeFileSync(target, generate());
