import type { Device } from '../../contracts/device.ts';
import { copyState } from '../state.ts';
import { type KeyName, scanCode } from './scancodes.ts';

/** Commands and replies (IBM PS/2 Technical Reference, "Keyboard Commands from the System"). */
const COMMAND = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCAN_CODE_SET: 0xf0,
  IDENTIFY: 0xf2,
  TYPEMATIC: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;
const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const IDENTIFIER = [0xab, 0x83] as const;
const OWN_SET = 2;

/** Lamps: bit 0 scroll lock, 1 num lock, 2 caps lock. */
export interface KeyboardState {
  leds: number;
  scanning: boolean;
  /** Command that waits for its argument, 0 when none. */
  argumentOf: number;
  lastSent: number;
}

const powerOn = (): KeyboardState => ({ leds: 0, scanning: true, argumentOf: 0, lastSent: 0 });

/**
 * AT keyboard with scan code set 2. It answers commands and turns keys into bytes; both come back as
 * the bytes to send. Not modelled: typematic repeat, sets 1 and 3 (the controller translates to set 1).
 */
export class Keyboard implements Device<KeyboardState> {
  private s = powerOn();

  get leds(): number {
    return this.s.leds;
  }

  /** The bytes that a key sends when it goes down or up. */
  key(name: KeyName, down: boolean): readonly number[] {
    return this.s.scanning ? this.sent(scanCode(name, down)) : [];
  }

  /** Takes a byte from the system and answers it. */
  command(byte: number): readonly number[] {
    const { argumentOf } = this.s;
    this.s.argumentOf = 0;
    if (argumentOf !== 0 && byte < COMMAND.SET_LEDS) return this.sent(this.argument(argumentOf, byte));
    return byte === COMMAND.RESEND ? [this.s.lastSent] : this.sent(this.execute(byte));
  }

  reset(): void {
    this.s = powerOn();
  }

  save(): KeyboardState {
    return copyState(this.s);
  }

  restore(state: KeyboardState): void {
    this.s = copyState(state);
  }

  private sent(bytes: readonly number[]): readonly number[] {
    this.s.lastSent = bytes.at(-1) ?? this.s.lastSent;
    return bytes;
  }

  private argument(command: number, value: number): readonly number[] {
    if (command === COMMAND.SET_LEDS) this.s.leds = value & 7;
    if (command !== COMMAND.SCAN_CODE_SET) return [ACK];
    if (value === 0) return [ACK, OWN_SET];
    return [value === OWN_SET ? ACK : RESEND];
  }

  private execute(command: number): readonly number[] {
    switch (command) {
      case COMMAND.SET_LEDS:
      case COMMAND.SCAN_CODE_SET:
      case COMMAND.TYPEMATIC:
        this.s.argumentOf = command;
        return [ACK];
      case COMMAND.ECHO:
        return [COMMAND.ECHO];
      case COMMAND.IDENTIFY:
        return [ACK, ...IDENTIFIER];
      case COMMAND.ENABLE:
      case COMMAND.DISABLE:
        this.s.scanning = command === COMMAND.ENABLE;
        return [ACK];
      case COMMAND.DEFAULTS:
        return [ACK];
      case COMMAND.RESET:
        this.reset();
        return [ACK, SELF_TEST_PASSED];
      default:
        return [RESEND];
    }
  }
}
