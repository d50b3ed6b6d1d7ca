/** Numbers and bytes as the protocol writes them: hexadecimal, lower case. */

/** A character for each byte, with the byte's value as its code. */
export function toText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The opposite; characters have codes up to 255. */
export const fromText = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

export const byteHex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Two digits a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byteHex(byte);
  return text;
}

/** Undefined when the text is not pairs of digits. */
export function hexToBytes(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** A register's value in the order of memory: the low byte first. `bits` is a multiple of 8. */
export function littleEndianHex(value: bigint, bits: number): string {
  const digits = BigInt.asUintN(bits, value)
    .toString(16)
    .padStart(bits / 4, '0');
  return (digits.match(/../g) ?? []).reverse().join('');
}

/** Undefined when the text is not pairs of digits, or is empty. */
export function parseLittleEndian(text: string): bigint | undefined {
  const bytes = hexToBytes(text);
  if (bytes === undefined || bytes.length === 0) return undefined;
  return BigInt(`0x${bytesToHex(bytes.reverse())}`);
}

/** A number of at most 64 bits, the high digit first. Undefined when the text is something else. */
export function parseHex(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
