import { elfSymbols, systemMapSymbols } from '../../machine/boot/elf-symbols.ts';
import { ImageError } from '../../machine/boot/image-error.ts';
import { SymbolTable } from '../../machine/symbols.ts';
import type { GuestDescription, ImageFile } from '../../protocol/target.ts';
import { Refusal } from '../refusal.ts';

/** The names that come with a guest: of its own symbol table and of a file beside it. Throws a `Refusal`. */
export function guestSymbols({ kernel, symbols }: GuestDescription): SymbolTable {
  // A kernel that is damaged is refused by its loader, in words about the whole file.
  const own = attempt(() => elfSymbols(kernel.bytes)) ?? [];
  return new SymbolTable(symbols === undefined ? own : [...fileSymbols(symbols), ...own]);
}

function fileSymbols({ name, bytes }: ImageFile) {
  try {
    const elf = elfSymbols(bytes);
    return elf.length > 0 ? elf : systemMapSymbols(bytes);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new Refusal(`${error.found}.`, name, `Accepted: ${error.accepted}, or an ELF file with symbols.`);
  }
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
