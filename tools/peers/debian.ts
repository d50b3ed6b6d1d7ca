/** Programs that come from Debian's packages. */
import { existsSync } from 'node:fs';
import { run } from '../../scripts/lib/run.mjs';

/**
 * Installs packages when `works` says no and this process may.
 * Throws an Error that names them when it still says no.
 */
export function needPackages(what: string, packages: readonly string[], works: () => boolean): void {
  if (works()) return;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.error(`peers: ${what} is missing, installing ${packages.join(', ')}`);
    run('apt-get', ['-q', 'update']);
    run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages]);
    if (works()) return;
  }
  throw new Error(`${what} is missing: install Debian's packages ${packages.join(', ')}`);
}
