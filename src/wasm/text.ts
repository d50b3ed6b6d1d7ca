/**
 * The body of a WebAssembly function as text, one instruction a line, in the manner of the text format
 * (core specification, "Text Format"). It is for reading: alignments are left out, and a name that the
 * caller does not know is an index.
 */
import { CodeReader, WasmTextError } from './code-reader.ts';
import type { Signature } from './function.ts';
import { ImmediateReader, immediatesOf, type WasmNames } from './immediates.ts';
import { opcodeName } from './opcode-names.ts';

export { WasmTextError } from './code-reader.ts';
export type { WasmNames } from './immediates.ts';

export interface WasmTextOptions {
  /** Of the function; parameters and results are not part of a body. */
  readonly signature?: Signature;
  readonly names?: WasmNames;
}

export interface WasmLine {
  /** Of the instruction, in bytes from the start of the body. */
  readonly offset: number;
  /** Blocks around it. */
  readonly depth: number;
  readonly text: string;
}

/** Lines of `wasmLines` with two blanks a depth. Throws `WasmTextError`. */
export function wasmText(body: Uint8Array, options: WasmTextOptions = {}): string {
  return wasmLines(body, options)
    .map((line) => '  '.repeat(line.depth) + line.text)
    .join('\n');
}

/**
 * Parameters, results and locals come first, then the instructions; the `end` of the function is not shown.
 * @param body local declarations and code, as `FunctionBuilder.finish` gives them
 * @throws WasmTextError for an unknown instruction or type, or a body that is cut off
 */
export function wasmLines(body: Uint8Array, options: WasmTextOptions = {}): WasmLine[] {
  return new Disassembly(body, options).read();
}

const PREFIXES = [0xfc, 0xfd];

/** A branch target around the present instruction. */
interface OpenBlock {
  readonly label: string;
}

class Disassembly {
  private readonly code: CodeReader;
  private readonly signature: Signature;
  private readonly immediates: ImmediateReader;
  private readonly lines: WasmLine[] = [];
  /** Innermost last; the first is the function itself. */
  private readonly open: OpenBlock[] = [{ label: '$function' }];
  private blocks = 0;

  constructor(body: Uint8Array, options: WasmTextOptions) {
    this.code = new CodeReader(body);
    this.signature = options.signature ?? { params: [], results: [] };
    const label = (depth: number) => this.open.at(-1 - depth)?.label;
    this.immediates = new ImmediateReader(this.code, options.names ?? {}, label);
  }

  read(): WasmLine[] {
    this.declarations();
    while (this.open.length > 0) this.instruction();
    if (!this.code.atEnd) {
      throw new WasmTextError('bytes after the end of the function', this.code.position);
    }
    return this.lines;
  }

  private declarations(): void {
    const { params, results } = this.signature;
    for (const [i, type] of params.entries()) this.line(0, `(param ${this.immediates.local(i)} ${type})`);
    for (const type of results) this.line(0, `(result ${type})`);
    const groups = this.code.u32();
    let index = params.length;
    for (let group = 0; group < groups; group++) {
      const at = this.code.position;
      const count = this.code.u32();
      const type = this.immediates.type();
      for (let i = 0; i < count; i++) this.line(at, `(local ${this.immediates.local(index++)} ${type})`);
    }
  }

  private instruction(): void {
    const at = this.code.position;
    const first = this.code.byte();
    const op = PREFIXES.includes(first) ? (first << 16) | this.code.u32() : first;
    const name = opcodeName(op);
    if (name === undefined) {
      throw new WasmTextError(`no instruction has the opcode ${op.toString(16).toUpperCase()}h`, at);
    }
    switch (name) {
      case 'block':
      case 'loop':
      case 'if':
        this.begin(at, name);
        break;
      case 'else':
        this.line(at, `else ${this.open.at(-1)?.label}`, -1);
        break;
      case 'end':
        this.end(at);
        break;
      default:
        this.line(at, [name, ...immediatesOf(op, this.immediates)].join(' '));
    }
  }

  private begin(at: number, name: string): void {
    const label = `$${name}${this.blocks++}`;
    const type = this.immediates.blockType();
    this.line(at, `${name} ${label}${type}`);
    this.open.push({ label });
  }

  private end(at: number): void {
    const block = this.open.pop();
    if (this.open.length > 0) this.line(at, `end ${block?.label}`);
  }

  private line(offset: number, text: string, indent = 0): void {
    this.lines.push({ offset, depth: this.open.length - 1 + indent, text });
  }
}
