import { Decoder, DecoderOptions, type Formatter } from 'iced-x86';
import type { RegionInfo, RegionInstruction } from '../../contracts/tiers.ts';
import { CODE_MODE_SIZE } from '../../isa/modes.ts';
import type { RegionCodeLine, RegionView, WasmTextLine } from '../../protocol/tiers-view.ts';
import { WasmTextError, wasmLines } from '../../wasm/text.ts';
import { nasmFormatter } from './formatter.ts';
import { unsigned64 } from './numbers.ts';

const PAGE = 0x1000;
/** Lines of WebAssembly sent to the page. */
const WASM_LINES = 3000;
/** What a region's function takes and gives back: the address of the CPU block, and how it ended. */
const SIGNATURE = { params: ['i32'], results: ['i32'] } as const;

/** @param read host-physical memory; throws RangeError outside RAM */
export function regionView(
  region: RegionInfo,
  read: (address: number, length: number) => Uint8Array,
): RegionView {
  const formatter = nasmFormatter();
  const code = region.instructions.map((at) => codeLine(region, at, read, formatter));
  formatter.free();
  const wasm = wasmText(region);
  return {
    id: region.id,
    code,
    wasm: wasm.slice(0, WASM_LINES),
    wasmLeftOut: Math.max(0, wasm.length - WASM_LINES),
  };
}

function codeLine(
  region: RegionInfo,
  { page, offset, length }: RegionInstruction,
  read: (address: number, length: number) => Uint8Array,
  formatter: Formatter,
): RegionCodeLine {
  const physical = page !== region.page;
  const address = physical
    ? BigInt(page * PAGE + offset)
    : unsigned64(region.linear - region.offset + offset);
  const bytes = read(page * PAGE + offset, Math.min(length, PAGE - offset));
  if (bytes.length < length) return { address, physical, bytes, text: '(goes on in the next page)' };
  const decoder = new Decoder(CODE_MODE_SIZE[region.codeMode].address, bytes, DecoderOptions.None);
  decoder.ip = address;
  const instruction = decoder.decode();
  const text = instruction.isInvalid ? '(bad)' : formatter.format(instruction);
  instruction.free();
  decoder.free();
  return { address, physical, bytes, text };
}

function wasmText({ body, names, instructions }: RegionInfo): WasmTextLine[] {
  let step = -1;
  /** Instructions are in the order of their code. */
  const stepAt = (offset: number): number | null => {
    while ((instructions[step + 1]?.code ?? Number.POSITIVE_INFINITY) <= offset) step++;
    return step < 0 ? null : step;
  };
  try {
    return wasmLines(body, { signature: SIGNATURE, names }).map(({ offset, depth, text }) => ({
      step: stepAt(offset),
      depth,
      text,
    }));
  } catch (error) {
    if (!(error instanceof WasmTextError)) throw error;
    return [{ step: null, depth: 0, text: `;; cannot be shown: ${error.message}` }];
  }
}
