import type { ProgramLine, ProgramPlace } from '../../../protocol/assembly.ts';
import type { OutsideOf } from '../../../protocol/commands.ts';
import type { Stop } from '../../../protocol/stops.ts';
import type { VmId } from '../../../protocol/target.ts';

/** From linear addresses to lines of one source and back. */

/** The piece of the program that holds the address. */
export function pieceAt(lines: readonly ProgramLine[], address: bigint): ProgramLine | undefined {
  return lines.find((line) => address >= line.address && address < line.address + BigInt(line.length));
}

/** The lowest address of each line of the file; lines count from 1. */
export function piecesByLine(lines: readonly ProgramLine[], file: string): Map<number, ProgramLine> {
  const map = new Map<number, ProgramLine>();
  for (const piece of lines) {
    if (piece.file === file && !map.has(piece.line)) map.set(piece.line, piece);
  }
  return map;
}

/** The line itself if it has bytes, else the next one that has. */
export function lineWithCode(pieces: ReadonlyMap<number, ProgramLine>, line: number): number | undefined {
  if (pieces.has(line)) return line;
  const later = [...pieces.keys()].filter((one) => one > line);
  return later.length === 0 ? undefined : Math.min(...later);
}

/** A program in a machine. */
interface Loaded {
  readonly vm: VmId;
  readonly name: string;
  readonly lines: readonly ProgramLine[];
}

/** The breakpoints in the list of stops that lie in the program's source, by line. */
export function stopsByLine(stops: readonly Stop[], { vm, name, lines }: Loaded): Map<number, Stop[]> {
  const map = new Map<number, Stop[]>();
  for (const stop of stops) {
    if (stop.trigger.kind !== 'address' || (stop.vm !== null && stop.vm !== vm)) continue;
    const piece = pieceAt(lines, stop.trigger.address);
    if (piece?.file === name) map.set(piece.line, [...(map.get(piece.line) ?? []), stop]);
  }
  return map;
}

/** Addresses behind the first of each stretch of code that one line made: a step by line does not end there. */
export function insideLines(lines: readonly ProgramLine[]): OutsideOf {
  const ranges: { from: bigint; to: bigint }[] = [];
  let before: ProgramLine | undefined;
  for (const piece of lines) {
    const to = piece.address + BigInt(piece.length);
    const continued =
      before?.file === piece.file && before.line === piece.line && ranges.at(-1)?.to === piece.address;
    const last = ranges.at(-1);
    if (continued && last !== undefined) last.to = to;
    else ranges.push({ from: piece.address + 1n, to });
    before = piece;
  }
  return ranges;
}

/** `12:5`, with the file's name when it is another one. */
export function placeOf({ file, line, column }: ProgramPlace, main: string): string {
  return `${file === main ? '' : `${file}:`}${line}:${column}`;
}
