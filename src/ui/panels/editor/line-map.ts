import type { ProgramError, ProgramLine } from '../../../protocol/assembly.ts';

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

/** `12:5`, with the file's name when it is another one. */
export function placeOf({ file, line, column }: ProgramError, main: string): string {
  return `${file === main ? '' : `${file}:`}${line}:${column}`;
}
