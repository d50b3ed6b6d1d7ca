import { describe, expect, test } from 'vitest';
import { vmlinux } from './bzimage.mjs';
import { CHARACTER_DEVICE, cpio, FILE } from './cpio.mjs';

/** A bzImage with this payload, followed by the size of what it unpacks to. @param {number[]} payload @param {number} size */
function bzImage(payload, size) {
  const image = Buffer.alloc(1024 + payload.length + 4);
  image[0x1f1] = 1;
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt32LE(0, 0x248);
  image.writeUInt32LE(payload.length + 4, 0x24c);
  image.set(payload, 1024);
  image.writeUInt32LE(size, 1024 + payload.length);
  return image;
}

const LZ4_MAGIC = [0x02, 0x21, 0x4c, 0x18];
/** Three literals 7f 45 46, then a match of 8 bytes at distance 2, then the literal 01. */
const BLOCK = [0x34, 0x7f, 0x45, 0x46, 0x02, 0x00, 0x10, 0x01];
const UNPACKED = [0x7f, 0x45, 0x46, 0x45, 0x46, 0x45, 0x46, 0x45, 0x46, 0x45, 0x46, 0x01];

describe('vmlinux', () => {
  test('unpacks an LZ4 payload', () => {
    const image = bzImage([...LZ4_MAGIC, BLOCK.length, 0, 0, 0, ...BLOCK], UNPACKED.length);
    expect([...vmlinux(image)]).toEqual(UNPACKED);
  });

  test('says what is wrong with an image', () => {
    expect(() => vmlinux(Buffer.alloc(2048))).toThrow('no HdrS magic');
    expect(() => vmlinux(bzImage([1, 2, 3, 4, 5], 9))).toThrow('unknown compression (magic 0x4030201)');
    const short = bzImage([...LZ4_MAGIC, BLOCK.length, 0, 0, 0, ...BLOCK], UNPACKED.length + 1);
    expect(() => vmlinux(short)).toThrow('not an ELF of 13');
  });
});

describe('cpio', () => {
  test('pads names and data to four bytes and ends with a trailer', () => {
    const archive = cpio([
      { path: 'init', mode: FILE | 0o755, data: Buffer.from('hello') },
      { path: 'dev/console', mode: CHARACTER_DEVICE | 0o600, device: [5, 1] },
    ]);
    const text = archive.toString('latin1');
    expect(archive.length % 4).toBe(0);
    expect(text.startsWith('07070100000001000081ed')).toBe(true);
    expect(text.indexOf('hello') % 4).toBe(0);
    const device = text.slice(text.indexOf('070701', 6));
    expect(device.slice(14, 22)).toBe('00002180');
    expect(device.slice(78, 94)).toBe('0000000500000001');
    expect(text.includes('TRAILER!!!\0')).toBe(true);
  });
});
