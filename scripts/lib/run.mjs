import { spawnSync } from 'node:child_process';

/**
 * Runs a program to its end and gives back its standard output.
 * Throws an Error that holds the command line and the end of its standard error when it fails.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, input?: Uint8Array, encoding?: 'utf8' | 'buffer' }} [options]
 */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, {
    cwd: options.cwd,
    input: options.input,
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.error) throw new Error(`${program}: ${result.error.message}`);
  if (result.status !== 0) {
    const tail = result.stderr.toString().trim().split('\n').slice(-8).join('\n');
    throw new Error(`${program} ${args.join(' ')} failed (status ${result.status}):\n${tail}`);
  }
  return result.stdout;
}

/** Whether a program of this name is on the PATH. @param {string} program */
export function onPath(program) {
  return spawnSync('sh', ['-c', `command -v "${program}"`]).status === 0;
}
