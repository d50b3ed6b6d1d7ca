import { Refusal } from '../refusal.ts';

/** Throws a `Refusal` where a register of so many bits cannot hold the value. */
export function fits(name: string, value: bigint, bits: number): void {
  if (value < 0n || value >> BigInt(bits) !== 0n)
    throw new Refusal(
      `0x${value.toString(16)} does not fit.`,
      name,
      `Give at most ${bits / 4} hexadecimal digits.`,
    );
}
