/** The stack, branches, and string instructions. */
import type { Instance } from '../instance.ts';
import { OFFSET, R, WINDOW, WINDOW_SIZE } from '../layout.ts';
import { family, type Template } from '../template.ts';

/** Points the stack pointer, and for LEAVE and ENTER the frame pointer, into the window; rarely at its end. */
function stack(instance: Instance): void {
  const { random, bits } = instance;
  const place = (low: number) => {
    const unaligned = random.chance(0.2) ? random.below(8) : 0;
    const offset = random.chance(0.03)
      ? WINDOW_SIZE - random.below(8)
      : (random.between(low, 168) & -8) + unaligned;
    return BigInt(WINDOW + offset);
  };
  instance.set(R.SP, place(72), bits);
  if (/^(LEAVE|ENTER)/.test(instance.template.name)) instance.set(R.BP, place(72), bits);
}

/** Small frames, and nesting levels (which count modulo 32) whose frame pointers are inside the window. */
function enter(instance: Instance): void {
  stack(instance);
  const { random } = instance;
  instance.chosenImmediate = [
    BigInt(random.below(24)),
    BigInt(random.pick([0, 0, 1, 1, 2, 3, 4]) | (random.below(8) << 5)),
  ];
}

/** Flags to pop: any, but neither trap, nested task, alignment check, virtual-8086 mode nor ID (sigreturn keeps that). */
function popFlags(instance: Instance): void {
  stack(instance);
  const offset = Number(instance.gpr(R.SP)) - WINDOW;
  if (offset <= WINDOW_SIZE - 8) instance.poke(offset, instance.random.u64() & 0x0001_3ed5n, 8);
}

/** A return address or jump target: mostly one that can be reached. */
const targetAddress = (instance: Instance) => {
  const { random } = instance;
  return random.chance(0.05) ? random.u64() : random.u64() >> 17n;
};

function returnAddress(instance: Instance): void {
  stack(instance);
  const offset = Number(instance.gpr(R.SP)) - WINDOW;
  instance.poke(offset, targetAddress(instance), 8);
}

function indirect(instance: Instance): void {
  stack(instance);
  if (instance.rm !== null && !instance.known.has(instance.rm))
    instance.set(instance.rm, targetAddress(instance), instance.bits);
}

function indirectMemory(instance: Instance): void {
  const { rm, target } = instance;
  const isStack = (offset: number) => Math.abs(Number(instance.gpr(R.SP)) - WINDOW - offset) < 8;
  if (rm === null && target !== null && !isStack(target)) instance.poke(target, targetAddress(instance), 8);
}

const stackTemplates: Template[] = [
  ...family({ size: 's', setup: stack }, [
    ['PUSH', '50+r'],
    ['POP', '58+r'],
    ['PUSH', 'FF /6'],
    ['POP', '8F /0'],
    ['PUSH', '68 iz'],
    ['PUSH', '6A ib'],
    ['LEAVE', 'C9'],
  ]),
  { name: 'PUSHF', encoding: '9C', size: 's', setup: stack, pushesFlags: true },
  { name: 'POPF', encoding: '9D', size: 's', setup: popFlags },
  { name: 'ENTER', encoding: 'C8 iw ib', size: 's', setup: enter, weight: 2 },
  ...family({ size: 's', setup: stack, only: 32 }, [
    ['PUSHA', '60'],
    ['POPA', '61'],
  ]),
];

/** CX, ECX or RCX small: 0 and 1 decide. */
function loopCount(instance: Instance): void {
  instance.set(R.CX, BigInt(instance.random.below(4)), instance.addressSize);
}

const conditions = Array.from({ length: 16 }, (_, condition) => condition.toString(16).toUpperCase());

const branches: Template[] = [
  ...conditions.map((digit): Template => ({ name: 'Jcc', encoding: `7${digit} relb`, size: 'n' })),
  ...conditions.map(
    (digit): Template => ({ name: 'Jcc', encoding: `0F 8${digit} relz`, size: 'n', weight: 0.5 }),
  ),
  ...family({ size: 'n' }, [
    ['JMP', 'EB relb'],
    ['JMP', 'E9 relz'],
  ]),
  { name: 'JMP', encoding: 'FF /4', size: 'n', setup: indirect, finish: indirectMemory },
  { name: 'CALL', encoding: 'E8 relz', size: 'n', setup: stack },
  { name: 'CALL', encoding: 'FF /2', size: 'n', setup: indirect, finish: indirectMemory },
  ...family({ size: 'n', setup: returnAddress }, [
    ['RET', 'C3'],
    ['RET', 'C2 iw'],
  ]),
  ...family({ size: 'n', setup: loopCount, usesAddressSize: true }, [
    ['LOOPNE', 'E0 relb'],
    ['LOOPE', 'E1 relb'],
    ['LOOP', 'E2 relb'],
    ['JRCXZ', 'E3 relb'],
  ]),
  { name: 'INT3', encoding: 'CC', size: 'd', weight: 0.2 },
  { name: 'INTO', encoding: 'CE', size: 'd', only: 32 },
];

/** Bounds around, below and above the index. */
function bounds(instance: Instance): void {
  const { random, size, target, reg } = instance;
  if (target === null) return;
  const index = BigInt.asIntN(size, instance.gpr(reg));
  const near = (spread: number) => index + BigInt(random.between(-spread, spread));
  if (random.chance(0.8)) {
    instance.poke(target, near(2) - 1n, size / 8);
    instance.poke(target + size / 8, near(2) + 1n, size / 8);
  }
}

const bound: Template[] = [
  {
    name: 'BOUND',
    encoding: '62 /r',
    size: 'v',
    memory: 8,
    form: 'memory',
    only: 32,
    finish: bounds,
    weight: 4,
  },
];

function translate(instance: Instance): void {
  const al = instance.state.bytes[OFFSET.gpr + 8 * R.AX] as number;
  const target = instance.random.below(WINDOW_SIZE);
  instance.set(R.BX, instance.linear(target) - BigInt(al), instance.addressSize);
}

/**
 * Sets the pointers and the count of a string instruction so that all elements are inside the window, or, rarely,
 * the last ones behind its end. Half of the windows are of equal bytes with one odd one, for the comparisons.
 */
function stringOperands(instance: Instance): void {
  const { random, size, state, addressSize } = instance;
  const bytes = size / 8;
  const isRepeated = instance.template.repeats === true;
  const count = isRepeated ? random.below(random.pick([3, 10])) : 1;
  const isDown = (state.u32[OFFSET.rflags / 4] as number) & 0x400;
  const reach = Math.max(count, 1) * bytes;
  const place = () => {
    if (!isDown && random.chance(0.03)) return WINDOW_SIZE - random.below(reach);
    return isDown ? random.between(reach, WINDOW_SIZE - bytes) : random.between(0, WINDOW_SIZE - reach);
  };
  const source = place();
  // Often near the source, so that a copy overlaps itself.
  const near = source + random.between(-2 * bytes, 2 * bytes);
  const isNearInside = near >= (isDown ? reach : 0) && near <= WINDOW_SIZE - (isDown ? bytes : reach);
  instance.point(R.SI, source);
  instance.point(R.DI, isNearInside && random.chance(0.3) ? near : place());
  if (isRepeated) instance.set(R.CX, BigInt(count), addressSize);
  if (random.chance(0.5)) {
    const byte = random.pick([0, 0x61, 0xff, random.below(256)]);
    state.bytes.fill(byte, OFFSET.window);
    if (random.chance(0.8)) state.bytes[OFFSET.window + random.below(WINDOW_SIZE)] = random.below(256);
    if (random.chance(0.7))
      instance.set(R.AX, BigInt(`0x${byte.toString(16).padStart(2, '0').repeat(8)}`), 64);
  }
}

const STRINGS = [
  ['MOVS', 'A4', 'A5'],
  ['CMPS', 'A6', 'A7'],
  ['STOS', 'AA', 'AB'],
  ['LODS', 'AC', 'AD'],
  ['SCAS', 'AE', 'AF'],
] as const;

const strings: Template[] = [
  { name: 'XLAT', encoding: 'D7', size: 'b', usesAddressSize: true, setup: translate },
  ...STRINGS.flatMap(([name, byteOpcode, opcode]) =>
    ['', 'F3 ', 'F2 '].flatMap((prefix): Template[] => {
      const shared = { usesAddressSize: true, setup: stringOperands, repeats: prefix !== '' };
      const title = `${prefix === '' ? '' : prefix === 'F3 ' ? 'REP ' : 'REPNE '}${name}`;
      return [
        { ...shared, name: title, encoding: `${prefix}${byteOpcode}`, size: 'b' },
        { ...shared, name: title, encoding: `${prefix}${opcode}`, size: 'v' },
      ];
    }),
  ),
];

export const FLOW: readonly Template[] = [...stackTemplates, ...branches, ...bound, ...strings];
