/**
 * Takes the vmlinux ELF out of a Linux bzImage (Linux, Documentation/arch/x86/boot.rst,
 * fields setup_sects, payload_offset, payload_length). Knows the two compressions of Debian's kernels.
 */
import { run } from './run.mjs';

const SETUP_SECTS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/** @param {Buffer} image a bzImage @returns {Uint8Array} the ELF file */
export function vmlinux(image) {
  if (image.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) !== 'HdrS')
    throw new Error('not a bzImage: no HdrS magic');
  const kernel = ((image[SETUP_SECTS] || 4) + 1) * 512;
  const start = kernel + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
  const size = payload.readUInt32LE(payload.length - 4);
  const elf = decompress(payload, size);
  if (elf[0] !== 0x7f || elf.length !== size)
    throw new Error(`bzImage payload of ${elf.length} bytes is not an ELF of ${size}`);
  return elf;
}

/** @param {Buffer} payload compressed data, then the size of the data as a 32-bit number @param {number} size */
function decompress(payload, size) {
  const magic = payload.readUInt32LE(0);
  if (magic === 0x587a37fd)
    return run('xz', ['-dc', '--single-stream'], { input: payload.subarray(0, payload.length - 4) });
  if (magic === LZ4_LEGACY_MAGIC) return lz4Legacy(payload.subarray(0, payload.length - 4), size);
  throw new Error(`bzImage payload has unknown compression (magic 0x${magic.toString(16)})`);
}

const LZ4_LEGACY_MAGIC = 0x184c2102;

/**
 * LZ4 "legacy frame": magic, then blocks, each with its compressed size (LZ4 frame format, "Legacy frame").
 * @param {Buffer} input @param {number} size of the output
 */
function lz4Legacy(input, size) {
  const output = new Uint8Array(size);
  let out = 0;
  for (let at = 4; at + 4 <= input.length; ) {
    const length = input.readUInt32LE(at);
    out = lz4Block(input.subarray(at + 4, at + 4 + length), output, out);
    at += 4 + length;
  }
  return output.subarray(0, out);
}

/**
 * One LZ4 block: sequences of literals and a match (LZ4 block format).
 * @param {Uint8Array} input @param {Uint8Array} output @param {number} out where to write
 * @returns {number} the end of what was written
 */
function lz4Block(input, output, out) {
  let at = 0;
  const extended = (/** @type {number} */ length) => {
    if (length < 15) return length;
    for (;;) {
      const more = input[at++];
      length += more;
      if (more !== 255) return length;
    }
  };
  while (at < input.length) {
    const token = input[at++];
    const literals = extended(token >> 4);
    output.set(input.subarray(at, at + literals), out);
    at += literals;
    out += literals;
    if (at >= input.length) break;
    const distance = input[at] | (input[at + 1] << 8);
    at += 2;
    for (let left = extended(token & 15) + 4; left > 0; left--, out++) output[out] = output[out - distance];
  }
  return out;
}
