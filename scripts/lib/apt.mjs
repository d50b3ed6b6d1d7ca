import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';

const SUITE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The mirror that this machine already uses for Debian's main suite, for example from its sources.list.
 * Throws when there is none.
 */
function configuredMirror() {
  const sources = run('apt-get', ['indextargets', '--format', '$(SITE) $(RELEASE) $(COMPONENT)']).toString();
  const main = sources.split('\n').find((line) => line.trim().endsWith(` ${SUITE} main`));
  if (!main) throw new Error(`apt has no source for Debian's suite "${SUITE}", component "main"`);
  return main.trim().split(' ')[0];
}

/**
 * A private apt for one architecture, in its own folder. The machine's dpkg and apt state stay as they are
 * (adding a foreign architecture to them could break the machine's own `apt-get update`), and no root is needed.
 */
export class PrivateApt {
  /** @type {string[]} */
  #options;

  /**
   * @param {string} folder where the state is kept
   * @param {string} architecture Debian's name: amd64, i386
   */
  constructor(folder, architecture) {
    const path = (/** @type {string} */ name) => join(folder, name);
    for (const name of ['lists/partial', 'cache/archives/partial', 'packages', 'parts', 'preferences']) {
      mkdirSync(path(name), { recursive: true });
    }
    const signedBy = existsSync(KEYRING) ? ` signed-by=${KEYRING}` : '';
    writeFileSync(
      path('sources.list'),
      `deb [arch=${architecture}${signedBy}] ${configuredMirror()} ${SUITE} main\n`,
    );
    writeFileSync(path('status'), '');
    this.packages = path('packages');
    this.#options = [
      `APT::Architecture=${architecture}`,
      `APT::Architectures::=${architecture}`,
      `Dir::State::lists=${path('lists')}`,
      `Dir::State::status=${path('status')}`,
      `Dir::Cache=${path('cache')}`,
      `Dir::Etc::sourcelist=${path('sources.list')}`,
      `Dir::Etc::sourceparts=${path('parts')}`,
      `Dir::Etc::preferencesparts=${path('preferences')}`,
      'Acquire::Languages=none',
      'Acquire::Retries=3',
      ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
    ].flatMap((option) => ['-o', option]);
  }

  /** Fetches the package index. */
  update() {
    run('apt-get', [...this.#options, '-q', 'update']);
  }

  /**
   * The versioned kernel image package that a metapackage such as linux-image-amd64 depends on.
   * @param {string} metapackage
   */
  imagePackage(metapackage) {
    const depends = run('apt-cache', [...this.#options, 'depends', metapackage]).toString();
    const image = /Depends: (linux-image-\d\S*)/.exec(depends)?.[1];
    if (!image) throw new Error(`${metapackage} depends on no versioned linux-image package:\n${depends}`);
    return image;
  }

  /**
   * Downloads a package and unpacks its files into a new folder, whose path it gives back with the version.
   * @param {string} name
   */
  unpack(name) {
    run('apt-get', [...this.#options, '-q', 'download', name], { cwd: this.packages });
    const archive = readdirSync(this.packages).find(
      (file) => file.startsWith(`${name}_`) && file.endsWith('.deb'),
    );
    if (!archive) throw new Error(`apt-get download ${name} left no .deb file in ${this.packages}`);
    const folder = join(this.packages, name);
    run('dpkg-deb', ['-x', join(this.packages, archive), folder]);
    return { folder, version: decodeURIComponent(archive.split('_')[1]) };
  }
}
