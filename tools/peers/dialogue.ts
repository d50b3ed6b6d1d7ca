/** The driver's side of the conversation that program/main.c describes, on any console. */
import { difference, NO_TIME, type ProcessorTime } from './time.ts';

/** What a test is asked to do. */
export interface Command {
  readonly name: string;
  readonly count: number;
}

export interface Measurement {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly checksum: string;
  readonly time: ProcessorTime;
  /** Processor time that the guest's own kernel counted, microseconds. */
  readonly ownMicroseconds: number;
}

export interface Conversation {
  /** From the clock's zero to the program's first line. */
  readonly boot: ProcessorTime;
  readonly tests: readonly Measurement[];
}

export interface Partner {
  /** The emulator's time so far. The program waits for its partner while this is asked. */
  sample(): ProcessorTime;
  send(text: string): void;
  finished(result: Conversation): void;
  failed(reason: string): void;
}

const BEGIN = /begin (\S+)$/;
const DONE = /done (\S+) ([0-9a-f]{8}) (\d+)$/;
const TROUBLE = /benchmark: .*|Kernel panic.*|Attempted to kill init.*/;
/** Characters of the console that a report of trouble shows. */
const TAIL = 1500;

export class Dialogue {
  private readonly commands: readonly Command[];
  private readonly partner: Partner;
  private readonly tests: Measurement[] = [];
  private boot = NO_TIME;
  private begun = NO_TIME;
  private line = '';
  private log = '';
  private over = false;

  constructor(commands: readonly Command[], partner: Partner) {
    this.commands = commands;
    this.partner = partner;
  }

  /** The end of what the console has shown. */
  get tail(): string {
    return this.log.slice(-TAIL);
  }

  /** A byte that the console shows. */
  feed(byte: number): void {
    const character = String.fromCharCode(byte);
    this.log = (this.log + character).slice(-2 * TAIL);
    if (character !== '\n') {
      this.line += character;
      return;
    }
    const line = this.line.trimEnd();
    this.line = '';
    if (!this.over) this.hear(line);
  }

  private hear(line: string): void {
    const begin = BEGIN.exec(line);
    const done = DONE.exec(line);
    if (line.endsWith('ready')) {
      this.boot = this.partner.sample();
      this.next();
    } else if (begin !== null) {
      this.begun = this.partner.sample();
      this.partner.send('go\n');
    } else if (done !== null) {
      const [, name, checksum, own] = done;
      const time = difference(this.partner.sample(), this.begun);
      this.tests.push({ name, checksum, time, ownMicroseconds: Number(own) });
      this.next();
    } else if (TROUBLE.test(line)) {
      this.over = true;
      this.partner.failed(`the guest says: ${line}`);
    }
  }

  private next(): void {
    const command = this.commands[this.tests.length];
    if (command !== undefined) {
      this.partner.send(`${command.name} ${command.count}\n`);
      return;
    }
    this.over = true;
    this.partner.finished({ boot: this.boot, tests: this.tests });
  }
}
