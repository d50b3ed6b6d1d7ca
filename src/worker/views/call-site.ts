import { Decoder, DecoderOptions, FlowControl, Mnemonic } from 'iced-x86';
import type { ReadLinear } from './code.ts';
import { nasmFormatter } from './formatter.ts';

/** Bytes of the CALLs there are: CALL rel16/32, and indirect ones with or without REX, SIB and displacement. */
const SHORTEST = 2;
const LONGEST = 8;

const SYSTEM_CALLS: readonly Mnemonic[] = [Mnemonic.Syscall, Mnemonic.Sysenter];

/** The CALL that ends exactly at an address, as text; undefined where there is none: it is no return address. */
export function callBefore(address: bigint, bitness: number, read: ReadLinear): string | undefined {
  const from = address - BigInt(LONGEST);
  if (from < 0n) return undefined;
  const bytes = read(from, LONGEST);
  if (bytes.length < LONGEST) return undefined;
  // A longer reading is likelier than that its last bytes alone are a call: but FFh /2 may follow a prefix.
  for (let length = LONGEST; length >= SHORTEST; length--) {
    const text = decodesAsCall(bytes.subarray(LONGEST - length), address - BigInt(length), bitness);
    if (text !== undefined) return text;
  }
  return undefined;
}

function decodesAsCall(bytes: Uint8Array, address: bigint, bitness: number): string | undefined {
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  decoder.ip = address;
  const instruction = decoder.decode();
  const flow = instruction.flowControl;
  const calls = flow === FlowControl.Call || flow === FlowControl.IndirectCall;
  // SYSCALL and SYSENTER count as calls too, and push nothing.
  const pushes = !SYSTEM_CALLS.includes(instruction.mnemonic);
  let text: string | undefined;
  if (!instruction.isInvalid && calls && pushes && instruction.length === bytes.length) {
    const formatter = nasmFormatter();
    text = formatter.format(instruction);
    formatter.free();
  }
  instruction.free();
  decoder.free();
  return text;
}
