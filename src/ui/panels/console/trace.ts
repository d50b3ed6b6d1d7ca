import { Terminal } from '@xterm/xterm';
import { tokensOf } from './tokens.ts';

/** Bytes that are kept of what a terminal has shown. */
const KEPT = 2 * 1024 * 1024;

interface Size {
  readonly cols: number;
  readonly rows: number;
}

/** A cell of a terminal; `row` counts from the first line of the scrollback. */
export interface CellPlace {
  readonly col: number;
  readonly row: number;
}

/**
 * What a terminal was given, in the order in which it took effect: enough to find the byte that made a cell what it
 * is. For that another terminal is given the same once more, with a background colour set before each token that
 * stands for the token's last byte. Each cell then has the colour of what printed or erased it last, wherever it was
 * moved to since; the guest's own colours do not get in between.
 */
export class ConsoleTrace {
  readonly #scrollback: number;
  #first: Size;
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** Sizes by the number of bytes before. */
  #resizes: { readonly at: number; readonly size: Size }[] = [];
  #isWhole = true;

  /** @param scrollback lines of the terminal @param size what it begins with */
  constructor(scrollback: number, size: Size) {
    this.#scrollback = scrollback;
    this.#first = copyOf(size);
  }

  /** Bytes that were printed. */
  get length(): number {
    return this.#length;
  }

  print(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > KEPT) {
      this.#isWhole = false;
      this.#chunks = [];
    }
    if (this.#isWhole) this.#chunks.push(bytes);
  }

  resize(size: Size): void {
    if (this.#length === 0) this.#first = copyOf(size);
    else this.#resizes.push({ at: this.#length, size: copyOf(size) });
  }

  /** The terminal is empty again. */
  restart(size: Size): void {
    this.#first = copyOf(size);
    this.#chunks = [];
    this.#length = 0;
    this.#resizes = [];
    this.#isWhole = true;
  }

  /**
   * Index of the byte that made a cell what it is; undefined: none has. Throws `RangeError` when too much was
   * printed to say it.
   */
  async originOf({ col, row }: CellPlace): Promise<number | undefined> {
    if (!this.#isWhole) throw new RangeError(`more than ${KEPT / 2 ** 20} MiB were printed`);
    const terminal = new Terminal({
      ...this.#first,
      scrollback: this.#scrollback,
      convertEol: false,
      allowProposedApi: true,
    });
    try {
      await this.#replay(terminal);
      const line = terminal.buffer.active.getLine(row);
      const cell = line?.getCell(col);
      // The right half of a wide character has no colour of its own.
      const marked = cell?.getWidth() === 0 && col > 0 ? line?.getCell(col - 1) : cell;
      return marked?.isBgRGB() ? marked.getBgColor() - 1 : undefined;
    } finally {
      terminal.dispose();
    }
  }

  async #replay(terminal: Terminal): Promise<void> {
    const bytes = joined(this.#chunks, this.#length);
    const write = (text: Uint8Array) => new Promise<void>((done) => terminal.write(text, done));
    const resizes = [...this.#resizes];
    const marked = new Marked(bytes);
    for (const token of tokensOf(bytes)) {
      while (resizes.length > 0 && resizes[0].at < token.end) {
        await write(marked.take());
        const { cols, rows } = resizes[0].size;
        terminal.resize(cols, rows);
        resizes.shift();
      }
      marked.add(token);
    }
    await write(marked.take());
    for (const { size } of resizes) terminal.resize(size.cols, size.rows);
  }
}

/** CSI Pn b, REP: prints the character before it again. */
const REPEAT = /^(\d*)b$/;
/** Second byte of ESC [, and of CSI in UTF-8. */
const CSI: ReadonlySet<number> = new Set([0x5b, 0x9b]);
const MOST_REPEATS = 65_535;

/** A text with marks: each token behind a background colour that names its last byte. */
class Marked {
  readonly #bytes: Uint8Array;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** The token before, if it printed. */
  #printed: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  add({
    start,
    end,
    prints,
  }: {
    readonly start: number;
    readonly end: number;
    readonly prints: boolean;
  }): void {
    const token = this.#bytes.subarray(start, end);
    this.#push(encoder.encode(`\x1b[48;2;${colour(end)}m`));
    // A mark would come between REP and what it repeats.
    const parameters = CSI.has(token[1]) ? decoder.decode(token.subarray(2, 10)) : '';
    const [, count] = prints ? [] : (REPEAT.exec(parameters) ?? []);
    if (count === undefined || this.#printed === undefined) this.#push(token);
    else for (let n = Math.min(Number(count) || 1, MOST_REPEATS); n > 0; n--) this.#push(this.#printed);
    this.#printed = prints ? token : undefined;
  }

  /** What was added since. */
  take(): Uint8Array {
    const text = joined(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    return text;
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#size += part.length;
  }
}

/** The terminal itself may be given, which changes. */
const copyOf = ({ cols, rows }: Size): Size => ({ cols, rows });

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Red, green and blue of a number of 24 bits that is not 0. */
const colour = (number: number): string => `${number >> 16};${(number >> 8) & 0xff};${number & 0xff}`;

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
