/**
 * Fetches the Linux guests of the tests: Debian 12's kernels and static busybox, from the Debian mirror that this
 * machine's apt is set up for. They are kept in .cache/guests/ and never committed:
 *
 *     .cache/guests/index.json                    versions and sizes
 *     .cache/guests/{amd64,cloud,i386}/vmlinuz        the kernel as packaged (bzImage)
 *     .cache/guests/{amd64,cloud,i386}/vmlinux        the ELF inside it
 *     .cache/guests/{amd64,cloud,i386}/initramfs.cpio busybox and an /init that gives a shell
 *
 * Usage: node scripts/guests.mjs [--refresh]
 * Where there is no apt, it says which guests are skipped; with CI=true that is an error (exit status 1).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrivateApt } from './lib/apt.mjs';
import { vmlinux } from './lib/bzimage.mjs';
import { initramfs } from './lib/initramfs.mjs';
import { onPath } from './lib/run.mjs';

const GUESTS = [
  { name: 'cloud', architecture: 'amd64', metapackage: 'linux-image-cloud-amd64' },
  { name: 'amd64', architecture: 'amd64', metapackage: 'linux-image-amd64' },
  { name: 'i386', architecture: 'i386', metapackage: 'linux-image-686-pae' },
];
const TOOLS = ['apt-get', 'apt-cache', 'dpkg-deb', 'xz'];

/** Changes when the files made from the packages change, so that an old cache is made anew. */
const LAYOUT = 3;

const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'guests');
const indexPath = join(cache, 'index.json');

function isComplete() {
  if (!existsSync(indexPath)) return false;
  const index = JSON.parse(readFileSync(indexPath, 'utf8'));
  return index.layout === LAYOUT && GUESTS.every(({ name }) => index.guests[name]);
}

/** @param {typeof GUESTS[number]} guest @param {PrivateApt} apt @param {{folder: string, version: string}} busybox */
function makeGuest(guest, apt, busybox) {
  const packageName = apt.imagePackage(guest.metapackage);
  const kernel = apt.unpack(packageName);
  const boot = join(kernel.folder, 'boot');
  const file = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
  if (!file) throw new Error(`${packageName} has no boot/vmlinuz-*`);
  const files = {
    vmlinuz: readFileSync(join(boot, file)),
    'initramfs.cpio': initramfs(readFileSync(join(busybox.folder, 'bin', 'busybox'))),
  };
  const contents = { ...files, vmlinux: vmlinux(files.vmlinuz) };
  const folder = join(cache, guest.name);
  mkdirSync(folder, { recursive: true });
  for (const [name, data] of Object.entries(contents)) writeFileSync(join(folder, name), data);
  return {
    package: packageName,
    version: kernel.version,
    release: file.slice('vmlinuz-'.length),
    busybox: busybox.version,
    sizes: Object.fromEntries(Object.entries(contents).map(([name, data]) => [name, data.length])),
  };
}

function fetchAll() {
  mkdirSync(cache, { recursive: true });
  /** @type {Record<string, ReturnType<typeof makeGuest>>} */
  const guests = {};
  for (const architecture of new Set(GUESTS.map((guest) => guest.architecture))) {
    const state = join(cache, `apt-${architecture}`);
    rmSync(state, { recursive: true, force: true });
    const apt = new PrivateApt(state, architecture);
    apt.update();
    const busybox = apt.unpack('busybox-static');
    for (const guest of GUESTS.filter((candidate) => candidate.architecture === architecture)) {
      guests[guest.name] = makeGuest(guest, apt, busybox);
      console.log(`guests: ${guest.name}: ${guests[guest.name].package} ${guests[guest.name].version}`);
    }
    rmSync(state, { recursive: true, force: true });
  }
  writeFileSync(indexPath, `${JSON.stringify({ layout: LAYOUT, guests }, null, 2)}\n`);
}

/** @param {string} why */
function skip(why) {
  const names = GUESTS.map((guest) => `${guest.name} (${guest.metapackage})`).join(', ');
  console.error(`guests: SKIPPED the Linux guests ${names}: ${why}`);
  if (process.env.CI === 'true') process.exitCode = 1;
}

const missing = TOOLS.filter((tool) => !onPath(tool));
if (isComplete() && !process.argv.includes('--refresh')) {
  console.log('guests: the Linux guests are in .cache/guests');
} else if (missing.length > 0) {
  skip(`this machine has no ${missing.join(', ')}; use Debian 12, or copy .cache/guests from one`);
} else {
  try {
    fetchAll();
  } catch (error) {
    skip(error instanceof Error ? error.message : String(error));
  }
}
