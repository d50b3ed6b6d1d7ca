/** v86 from the npm registry, and the BIOS that it needs, from Debian. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/lib/run.mjs';
import { needPackages } from './debian.ts';

/** The version that the goals were set against. */
export const V86_VERSION = '0.5.462';

/** Paths of files. */
export interface V86 {
  readonly library: string;
  readonly wasm: string;
  readonly bios: string;
  readonly vgaBios: string;
}

/** Installs v86 into `folder`, which is outside the project's own packages. */
export function needV86(folder: string): V86 {
  const packageFolder = join(folder, 'node_modules', 'v86');
  const manifest = join(packageFolder, 'package.json');
  const installed =
    existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === V86_VERSION;
  if (!installed) {
    mkdirSync(folder, { recursive: true });
    run('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `v86@${V86_VERSION}`]);
  }
  const firmware = '/usr/share/seabios';
  const [bios, vgaBios] = [join(firmware, 'bios.bin'), join(firmware, 'vgabios-stdvga.bin')];
  needPackages('SeaBIOS', ['seabios'], () => existsSync(bios) && existsSync(vgaBios));
  const build = join(packageFolder, 'build');
  return { library: join(build, 'libv86.mjs'), wasm: join(build, 'v86.wasm'), bios, vgaBios };
}
