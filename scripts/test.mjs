/**
 * Everything that `npm test` checks, step by step. Later steps run although an earlier one failed.
 * The last line counts: each static check as one, then the unit and browser tests.
 *
 * Usage: npm test [-- STEP...]     for example: npm test -- lint types
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const reports = join('.cache', 'test');
const unitReport = join(reports, 'unit.json');
const browserReport = join(reports, 'browser.json');

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/** @type {{ name: string, title: string, command: string[], count?: () => Count }[]} */
const STEPS = [
  { name: 'guests', title: 'Linux guests', command: ['node', 'scripts/guests.mjs'] },
  { name: 'lint', title: 'format, lint, layers', command: ['npx', 'biome', 'ci', '--error-on-warnings'] },
  { name: 'types', title: 'types', command: ['npx', 'tsc', '-b'] },
  { name: 'unused', title: 'unused code', command: ['npx', 'knip'] },
  {
    name: 'unit',
    title: 'unit tests',
    command: [
      'npx',
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${unitReport}`,
    ],
    count: () => {
      const report = JSON.parse(readFileSync(join(root, unitReport), 'utf8'));
      const skipped = report.numPendingTests + report.numTodoTests;
      return { passed: report.numPassedTests, failed: report.numFailedTests, skipped };
    },
  },
  {
    name: 'browser',
    title: 'browser tests',
    command: ['npx', 'playwright', 'test'],
    count: () => {
      const { stats } = JSON.parse(readFileSync(join(root, browserReport), 'utf8'));
      return { passed: stats.expected + stats.flaky, failed: stats.unexpected, skipped: stats.skipped };
    },
  },
];

/**
 * Runs a step and counts its tests. A step that fails counts at least one failure, whatever its report says.
 * @param {typeof STEPS[number]} step
 */
function runStep(step) {
  console.log(`\n== ${step.title}`);
  const started = performance.now();
  const [program, ...args] = step.command;
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error) console.error(`${program}: ${error.message}`);
  const ok = status === 0;
  /** @type {Count} */
  let count = { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  const report = { unit: unitReport, browser: browserReport }[step.name];
  if (step.count && report && existsSync(join(root, report))) count = step.count();
  if (!ok && count.failed === 0) count.failed = 1;
  return { title: step.title, ok, count, seconds: (performance.now() - started) / 1000 };
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no test step ${unknown.join(', ')}; steps: ${STEPS.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

rmSync(join(root, reports), { recursive: true, force: true });
mkdirSync(join(root, reports), { recursive: true });
const results = STEPS.filter((step) => chosen.length === 0 || chosen.includes(step.name)).map(runStep);

console.log('\n== summary');
for (const { title, ok, count, seconds } of results) {
  const line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
  console.log(
    `${ok ? 'ok    ' : 'FAILED'} ${title.padEnd(22)} ${seconds.toFixed(1).padStart(7)} s   ${line}`,
  );
}
const total = (/** @type {keyof Count} */ key) => results.reduce((sum, { count }) => sum + count[key], 0);
console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
