/** g, G, p, P: registers. */
import type { DescribedRegister } from './descriptions.ts';
import { littleEndianHex, parseLittleEndian } from './hex.ts';
import { type Answer, type Command, INVALID, OK, refused, type State } from './state.ts';

const read = ({ debuggee, cpu }: State, { of, bits }: DescribedRegister): string =>
  littleEndianHex(debuggee.readRegister(cpu, of), bits);

/**
 * Writes what differs, so that registers that cannot be written may come with those that can.
 * @returns why not; undefined when it is done
 */
function write(state: State, register: DescribedRegister, hex: string): string | undefined {
  const value = parseLittleEndian(hex);
  if (value === undefined || hex.length !== register.bits / 4) return 'The value is malformed.';
  const { debuggee, cpu } = state;
  const { of, bits } = register;
  const present = debuggee.readRegister(cpu, of);
  // A register that is shown in part keeps the rest.
  const whole = present - BigInt.asUintN(bits, present) + value;
  return whole === present ? undefined : debuggee.writeRegister(cpu, of, whole);
}

function numbered(state: State, number: string): DescribedRegister | undefined {
  return /^[0-9a-f]{1,3}$/i.test(number)
    ? state.description.registers[Number.parseInt(number, 16)]
    : undefined;
}

function writeAll(state: State, hex: string): Answer {
  const { registers } = state.description;
  const digits = registers.reduce((sum, { bits }) => sum + bits / 4, 0);
  if (hex.length !== digits) return INVALID;
  let at = 0;
  let why: string | undefined;
  for (const register of registers) {
    const end = at + register.bits / 4;
    why = write(state, register, hex.slice(at, end)) ?? why;
    at = end;
  }
  return why === undefined ? OK : refused(why);
}

function writeOne(state: State, rest: string): Answer {
  const [number, hex = ''] = rest.split('=');
  const register = numbered(state, number);
  if (register === undefined || hex.length !== register.bits / 4) return INVALID;
  const why = write(state, register, hex);
  return why === undefined ? OK : refused(why);
}

function readOne(state: State, number: string): Answer {
  const register = numbered(state, number);
  return register === undefined ? INVALID : [read(state, register)];
}

export const REGISTER_COMMANDS: Readonly<Record<string, Command>> = {
  g: (state) => [state.description.registers.map((register) => read(state, register)).join('')],
  G: writeAll,
  p: readOne,
  P: writeOne,
};
