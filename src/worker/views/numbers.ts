/** A signed number, as the processor's code holds addresses, as the unsigned 64-bit value that people see. */
export function unsigned64(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

/** The opposite: a canonical address as the signed number that the processor's code works with. */
export function signedNumber(address: bigint): number {
  return Number(BigInt.asIntN(64, address));
}

export function fromHalves(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
