import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { copyState } from '../state.ts';
import {
  COMMAND,
  CONFIG,
  NO_ANSWER,
  OUTPUT_PORT,
  RAM_SIZE,
  REPLIES,
  SELF_TEST_PASSED,
  STATUS,
} from './i8042-registers.ts';
import { Keyboard, type KeyboardState } from './keyboard.ts';
import { type KeyName, translate } from './scancodes.ts';

export interface I8042Wires {
  /** IRQ 1. */
  readonly line: InterruptLine;
  /** IRQ 12. */
  readonly auxLine: InterruptLine;
  /** The output port's A20 bit has changed. */
  a20(enabled: boolean): void;
  /** The output port pulls the reset line. */
  reset(): void;
}

type Source = 'keyboard' | 'aux' | 'aux timeout';

interface Controller {
  ram: number[];
  a20: boolean;
  /** Controller command whose data byte is outstanding, 0 when none. */
  dataFor: number;
  commandWritten: boolean;
  /** What the output buffer shows and what waits behind it. */
  queue: Array<{ byte: number; source: Source }>;
  lastByte: number;
  breakNext: boolean;
}

export interface I8042State {
  readonly controller: Controller;
  readonly keyboard: KeyboardState;
}

const powerOn = (): Controller => {
  const ram = new Array<number>(RAM_SIZE).fill(0);
  ram[0] = CONFIG.IRQ | CONFIG.SYSTEM | CONFIG.AUX_DISABLE | CONFIG.TRANSLATE;
  return { ram, a20: true, dataFor: 0, commandWritten: false, queue: [], lastByte: 0, breakNext: false };
};

/**
 * Keyboard controller 8042 of a PS/2 with an AT keyboard; the auxiliary port is there with nothing
 * plugged in. Bus targets: `data` (port 60h) and `command` (port 64h). It starts as firmware leaves it:
 * A20 on, translation and the keyboard interrupt enabled. Bytes travel at once.
 */
export class I8042 implements Device<I8042State> {
  readonly data: BusTarget;
  readonly command: BusTarget;
  private readonly wires: I8042Wires;
  private readonly keyboard = new Keyboard();
  private s = powerOn();

  constructor(wires: I8042Wires) {
    this.wires = wires;
    this.data = {
      widest: 1,
      read: () => this.readData(),
      write: (_offset, _size, value) => this.writeData(value),
    };
    this.command = {
      widest: 1,
      read: () => this.status,
      write: (_offset, _size, value) => this.writeCommand(value),
    };
  }

  /** The keyboard's lamps: bit 0 scroll lock, 1 num lock, 2 caps lock. */
  get leds(): number {
    return this.keyboard.leds;
  }

  /** A key goes down or up. */
  key(name: KeyName, down: boolean): void {
    if (!this.config(CONFIG.DISABLE)) this.fromKeyboard(this.keyboard.key(name, down));
  }

  reset(): void {
    this.s = powerOn();
    this.keyboard.reset();
    this.wires.a20(true);
    this.updateLines();
  }

  save(): I8042State {
    return { controller: copyState(this.s), keyboard: this.keyboard.save() };
  }

  restore(state: I8042State): void {
    this.s = copyState(state.controller);
    this.keyboard.restore(state.keyboard);
  }

  private config(bit: number): boolean {
    return (this.s.ram[0] & bit) !== 0;
  }

  private get status(): number {
    const head = this.s.queue[0];
    return (
      STATUS.NOT_LOCKED |
      (head ? STATUS.OUTPUT_FULL : 0) |
      (head && head.source !== 'keyboard' ? STATUS.AUX_DATA : 0) |
      (head?.source === 'aux timeout' ? STATUS.TIMEOUT : 0) |
      (this.config(CONFIG.SYSTEM) ? STATUS.SYSTEM : 0) |
      (this.s.commandWritten ? STATUS.COMMAND : 0)
    );
  }

  private readData(): number {
    const head = this.s.queue.shift();
    if (head === undefined) return this.s.lastByte;
    this.s.lastByte = head.byte;
    // The next byte makes a new edge.
    this.wires.line.set(false);
    this.wires.auxLine.set(false);
    this.updateLines();
    return head.byte;
  }

  private put(byte: number, source: Source = 'keyboard'): void {
    this.s.queue.push({ byte, source });
    this.updateLines();
  }

  private updateLines(): void {
    const source = this.s.queue[0]?.source;
    this.wires.line.set(source === 'keyboard' && this.config(CONFIG.IRQ));
    this.wires.auxLine.set(source !== undefined && source !== 'keyboard' && this.config(CONFIG.AUX_IRQ));
  }

  private fromKeyboard(bytes: readonly number[]): void {
    for (const byte of bytes) {
      if (!this.config(CONFIG.TRANSLATE)) {
        this.put(byte);
        continue;
      }
      const translated = translate(byte, this.s.breakNext);
      this.s.breakNext = translated.breakNext;
      if (translated.byte !== undefined) this.put(translated.byte);
    }
  }

  private writeData(value: number): void {
    const { dataFor } = this.s;
    this.s.dataFor = 0;
    this.s.commandWritten = false;
    if (dataFor === 0) {
      // Talking to the keyboard enables it.
      this.s.ram[0] &= ~CONFIG.DISABLE;
      this.fromKeyboard(this.keyboard.command(value));
    } else this.completeCommand(dataFor, value);
    this.updateLines();
  }

  private completeCommand(command: number, value: number): void {
    switch (command) {
      case COMMAND.WRITE_OUTPUT_PORT:
        this.setA20((value & OUTPUT_PORT.A20) !== 0);
        if ((value & OUTPUT_PORT.NOT_RESET) === 0) this.wires.reset();
        break;
      case COMMAND.WRITE_OUTPUT_BUFFER:
        this.put(value);
        break;
      case COMMAND.WRITE_AUX_OUTPUT_BUFFER:
        this.put(value, 'aux');
        break;
      case COMMAND.WRITE_AUX:
        this.put(NO_ANSWER, 'aux timeout');
        break;
      default:
        this.s.ram[command & (RAM_SIZE - 1)] = value;
    }
  }

  private writeCommand(value: number): void {
    this.s.commandWritten = true;
    this.s.dataFor = 0;
    if (value >= COMMAND.READ_RAM && value < COMMAND.READ_RAM + RAM_SIZE)
      this.put(this.s.ram[value & (RAM_SIZE - 1)]);
    else if (value >= COMMAND.WRITE_RAM && value < COMMAND.WRITE_RAM + RAM_SIZE) this.s.dataFor = value;
    else if (value >= COMMAND.PULSE) this.pulse(value & 15);
    else this.execute(value);
    this.updateLines();
  }

  /** Pulls the lines of the output port whose bit is 0; only the reset line is connected. */
  private pulse(bits: number): void {
    if ((bits & OUTPUT_PORT.NOT_RESET) === 0) this.wires.reset();
  }

  private execute(command: number): void {
    const reply = REPLIES.get(command);
    if (reply !== undefined) this.put(reply);
    switch (command) {
      case COMMAND.DISABLE_AUX:
        this.s.ram[0] |= CONFIG.AUX_DISABLE;
        break;
      case COMMAND.ENABLE_AUX:
        this.s.ram[0] &= ~CONFIG.AUX_DISABLE;
        break;
      case COMMAND.DISABLE:
        this.s.ram[0] |= CONFIG.DISABLE;
        break;
      case COMMAND.ENABLE:
        this.s.ram[0] &= ~CONFIG.DISABLE;
        break;
      case COMMAND.SELF_TEST:
        this.s.ram[0] |= CONFIG.SYSTEM;
        this.put(SELF_TEST_PASSED);
        break;
      case COMMAND.READ_OUTPUT_PORT:
        this.put(this.outputPort);
        break;
      case COMMAND.WRITE_OUTPUT_PORT:
      case COMMAND.WRITE_OUTPUT_BUFFER:
      case COMMAND.WRITE_AUX_OUTPUT_BUFFER:
      case COMMAND.WRITE_AUX:
        this.s.dataFor = command;
        break;
      case COMMAND.DISABLE_A20:
      case COMMAND.ENABLE_A20:
        this.setA20(command === COMMAND.ENABLE_A20);
        break;
      default: // unknown commands are ignored, as by the chip
        break;
    }
  }

  private get outputPort(): number {
    const source = this.s.queue[0]?.source;
    return (
      OUTPUT_PORT.NOT_RESET |
      (this.s.a20 ? OUTPUT_PORT.A20 : 0) |
      (source === 'keyboard' ? OUTPUT_PORT.FULL : 0) |
      (source !== undefined && source !== 'keyboard' ? OUTPUT_PORT.AUX_FULL : 0)
    );
  }

  private setA20(enabled: boolean): void {
    this.s.a20 = enabled;
    this.wires.a20(enabled);
  }
}
