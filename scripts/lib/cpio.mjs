/**
 * Writer of "newc" cpio archives, the format of a Linux initramfs
 * (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * @typedef {{ path: string, mode: number, data?: Uint8Array, device?: [major: number, minor: number] }} Entry
 */

export const DIRECTORY = 0o040000;
export const FILE = 0o100000;
export const CHARACTER_DEVICE = 0o020000;

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

/** @param {number} value */
const hex = (value) => value.toString(16).padStart(8, '0');

/** @param {number} length @returns zero bytes up to the next multiple of four */
const padding = (length) => new Uint8Array(-length & 3);

/** @param {Entry} entry @param {number} inode */
function member(entry, inode) {
  const data = entry.data ?? new Uint8Array(0);
  const [major, minor] = entry.device ?? [0, 0];
  const links = 1;
  const fields = [
    inode,
    entry.mode,
    0,
    0,
    links,
    0,
    data.length,
    0,
    0,
    major,
    minor,
    entry.path.length + 1,
    0,
  ];
  const head = Buffer.from(`${MAGIC}${fields.map(hex).join('')}${entry.path}\0`, 'latin1');
  return [head, padding(head.length), data, padding(data.length)];
}

/**
 * An archive of these entries, in order; all owned by root, with time stamp 0, so equal input gives equal bytes.
 * @param {Entry[]} entries
 */
export function cpio(entries) {
  const members = [...entries, { path: TRAILER, mode: 0 }];
  return Buffer.concat(members.flatMap((entry, index) => member(entry, index + 1)));
}
