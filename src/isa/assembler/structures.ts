/** `struc` .. `endstruc` and `istruc` .. `iend` (NASM manual, "Declaring Structure Data Types"). */
import type { Pass } from './pass.ts';
import type { SymbolTable } from './symbols.ts';
import { SourceError } from './types.ts';
import { scalar } from './value.ts';

export class Structures {
  private readonly pass: Pass;
  private readonly symbols: SymbolTable;
  /** The structure being declared. */
  private declared: { readonly name: string; readonly start: bigint } | undefined;
  /** The structure being filled in, and the offset of its first byte. */
  private instance: { readonly name: string; readonly start: number } | undefined;

  constructor(pass: Pass, symbols: SymbolTable) {
    this.pass = pass;
    this.symbols = symbols;
  }

  /** Labels that follow are offsets, counted from `start`. */
  begin(name: string, start: bigint): void {
    if (this.declared) throw new SourceError(`struc ${this.declared.name} is not closed by endstruc`);
    this.declared = { name, start };
    this.pass.enterAbsolute(start);
    this.pass.defineLabel(name, scalar(0n), 1);
  }

  end(): void {
    if (!this.declared) throw new SourceError('endstruc without struc');
    const { name, start } = this.declared;
    this.symbols.define(`${name}_size`, scalar(BigInt(this.pass.offset) - start), 1);
    this.declared = undefined;
    this.pass.enterAbsolute(undefined);
  }

  /** Of the structure that is filled in: `at .x` means its field. */
  get instanceName(): string {
    return this.instance?.name ?? '';
  }

  beginInstance(name: string): void {
    this.instance = { name, start: this.pass.offset };
  }

  /** Fills up with zeros to the field at `offset`. */
  fill(offset: number): void {
    if (!this.instance) throw new SourceError('at outside istruc');
    const padding = this.instance.start + offset - this.pass.offset;
    if (padding < 0) throw new SourceError('the field lies before the present end of the structure');
    this.pass.append(new Uint8Array(padding));
  }

  endInstance(): void {
    if (!this.instance) throw new SourceError('iend without istruc');
    this.fill(Number(this.symbols.lookup(`${this.instance.name}_size`, 1).n));
    this.instance = undefined;
  }
}
