import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BootImage } from '../boot/load.ts';
import { Computer, type ComputerOptions } from '../computer.ts';
import { stateParts } from '../state-hash.ts';
import { PROCESSORS_GUEST } from '../system-tests/processors-guest.ts';
import { assembleGuest, GUEST_ORIGIN } from '../system-tests/run-guest.ts';
import { History } from './history.ts';
import { type Subject, wrongInstants } from './testing.ts';

const bytes = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

const flat = (kernel: Uint8Array): BootImage => ({
  kernel,
  commandLine: '',
  format: 'flat',
  flat: { address: GUEST_ORIGIN, mode: 'real' },
});

function subject(
  options: ComputerOptions,
  image: BootImage,
  typed: readonly (readonly [number, string])[],
): Subject {
  const computer = new Computer(options);
  computer.boot(image);
  return { computer, inputs: typed.map(([at, text]) => ({ at, enter: () => computer.input(bytes(text)) })) };
}

describe('an instant is one state, however it is reached', () => {
  const root = join(import.meta.dirname, '..', '..', '..', '.cache', 'guests', 'cloud');
  const files = { kernel: join(root, 'vmlinux'), initrd: join(root, 'initramfs.cpio') };
  // Where CI is set the kernel has to be there.
  const missing = !existsSync(files.kernel) && !process.env.CI;

  it.skipIf(missing)('in the boot of Linux', { timeout: 300_000 }, () => {
    const image: BootImage = {
      kernel: readFileSync(files.kernel),
      initrd: readFileSync(files.initrd),
      commandLine: 'console=ttyS0 nokaslr cryptomgr.notests',
    };
    const make = () =>
      subject({ ramBytes: 128 * 2 ** 20 }, image, [
        [10_000_000, 'early'],
        [20_000_001, 'in the middle\n'],
        [20_000_002, 'again'],
      ]);
    expect(wrongInstants(make, 40_000_000, { instants: 6, ways: 12 })).toEqual([]);
  });

  it.each([1, 2, 4])('with %i processors', (cpus) => {
    const image = flat(assembleGuest(PROCESSORS_GUEST, { CPUS: `${cpus}`, ROUNDS: '3000' }));
    const make = () =>
      subject({ ramBytes: 2 ** 24, cpus }, image, [
        [30_000, 'a'],
        [47_123, 'b'],
      ]);
    expect(wrongInstants(make, 1_000_000, { seed: cpus })).toEqual([]);
  });

  it('also when snapshots have little room', () => {
    const image = flat(assembleGuest(PROCESSORS_GUEST, { CPUS: '2', ROUNDS: '3000' }));
    const make = () => subject({ ramBytes: 2 ** 24, cpus: 2 }, image, [[30_000, 'a']]);
    expect(wrongInstants(make, 1_000_000, { budget: 1_500_000 })).toEqual([]);
  });
});

/** Counts up in memory for ever, and sends what is typed back. */
const COUNTER = flat(
  assembleGuest(`
start:  mov word [0x2000], 7
        mov word [0x2000], 7
again:  inc dword [0x1000]
        mov dx, 0x3fd
        in al, dx
        test al, 1
        jz again
        mov dx, 0x3f8
        in al, dx
        out dx, al
        jmp again
`),
);

/** @param interval snapshots are taken whenever it is asked for one (1), or never (0) */
function counting({ interval = 0 } = {}) {
  const sent: string[] = [];
  const computer = new Computer({
    ramBytes: 2 ** 20,
    serialOutput: (byte) => void sent.push(String.fromCharCode(byte)),
  });
  computer.boot(COUNTER);
  let time = 0;
  const history = new History(computer, { stopwatch: () => (time += 1000 * interval) });
  const counter = () => new DataView(computer.ram.read(0x1000, 4).buffer).getUint32(0, true);
  return { computer, history, sent, counter };
}

describe('stepping back', () => {
  it('undoes steps one by one', () => {
    const { computer, history } = counting();
    computer.runTo(100_000);
    const states = [stateParts(computer)];
    for (let i = 0; i < 50; i++) {
      computer.step();
      states.push(stateParts(computer));
    }
    for (let i = 49; i >= 0; i--) {
      expect(history.stepBack(() => true)).toBe(true);
      expect(stateParts(computer)).toEqual(states[i]);
    }
  });

  it('stops at the beginning of time', () => {
    const { computer, history } = counting();
    computer.step();
    computer.step();
    expect([1, 2, 3].map(() => history.stepBack(() => true))).toEqual([true, true, false]);
    expect(computer.position).toBe(history.range.from);
  });

  it('takes a long wait at a stroke', () => {
    const computer = new Computer({ ramBytes: 2 ** 20 });
    // The timer's first interrupt ends HLT; the handler ends it for good.
    computer.boot(
      flat(
        assembleGuest(`
start:  mov word [8 * 4], tick
        mov word [8 * 4 + 2], 0
        mov al, 0x11
        out 0x20, al
        mov al, 8
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0x34
        out 0x43, al
        mov al, 0
        out 0x40, al
        out 0x40, al
        sti
        hlt
        nop
        cli
        hlt
tick:   mov byte [0x1000], 1
        iret
`),
      ),
    );
    const history = new History(computer, { stopwatch: () => 0 });
    const isHandler = (): boolean => computer.ram.read(0x1000, 1)[0] === 1;
    computer.runTo(10_000);
    while (!isHandler()) {
      if (computer.processor.isIdle) computer.runTo(computer.position + computer.clock.next - computer.now);
      else computer.step();
    }
    const active = (): boolean => !computer.processor.isIdle;
    const before = computer.position;
    const rips: number[] = [];
    for (let i = 0; i < 3; i++) {
      history.stepBack(active);
      rips.push(computer.processor.regs.rip);
    }
    expect(before - computer.position).toBeGreaterThan(1_000_000);
    // The handler's first instruction, the waiting processor's interrupt, HLT.
    expect(new Set(rips).size).toBe(3);
  });
});

describe('searching back', () => {
  it('finds the last stop of all intervals', () => {
    const { computer, history, counter } = counting();
    for (let i = 1; i <= 20; i++) {
      computer.runTo(i * 10_000);
      // Every look at the stopwatch would do; these are all at time 0, so snapshots are asked for here.
      history.tick();
    }
    const inLoop = computer.processor.regs.rip;
    const run = (until: number): boolean => computer.runTo(until, true).kind === 'breakpoint';
    computer.step();
    computer.processor.setBreakpoints(new Set([inLoop]));
    const last = counter();
    const search = history.searchBack({ run });
    let result = search.next();
    while (!result.done) result = search.next();
    expect(result.value).toBe(true);
    expect(computer.processor.regs.rip).toBe(inLoop);
    expect(last - counter()).toBeLessThanOrEqual(1);
  });
});

describe('searching back to a stop at which a snapshot was taken', () => {
  it('finds it', () => {
    const { computer, history } = counting({ interval: 1 });
    computer.runTo(20_000);
    const once = computer.processor.regs.rip;
    history.tick();
    const there = history.now;
    computer.processor.setBreakpoints(new Set([once]));
    // On from there to a little before the next arrival.
    computer.runTo(computer.position + 3, true);
    const pieces = history.searchBack({ run: (until) => computer.runTo(until, true).kind === 'breakpoint' });
    let result = pieces.next();
    while (!result.done) result = pieces.next();
    expect(result.value).toBe(true);
    expect(history.now).toEqual(there);
  });
});

describe('who wrote last', () => {
  const search = (history: History, address: number): boolean => {
    const pieces = history.searchWriter(address, 4);
    let result = pieces.next();
    while (!result.done) result = pieces.next();
    return result.value;
  };

  it('is found by running again, also when it wrote what was there', () => {
    const { computer, history } = counting({ interval: 1 });
    for (let i = 1; i <= 20; i++) {
      computer.runTo(i * 3000);
      history.tick();
    }
    const written = () => new DataView(computer.ram.read(0x2000, 4).buffer).getUint32(0, true);
    // The program writes there once, long ago.
    expect(written()).toBe(7);
    expect(search(history, 0x2000)).toBe(true);
    expect(written()).toBe(7);
    expect(computer.position).toBeLessThan(3000);
    const { rip } = computer.processor.regs;
    expect([...computer.ram.read(rip, 2)]).toEqual([0xc7, 0x06]);
    // Before that nobody did.
    expect(search(history, 0x2000)).toBe(true);
    expect(written()).toBe(0);
    expect(search(history, 0x2000)).toBe(false);
    expect(computer.position).toBe(history.range.from);
  });

  it('of a word that is written all the time is near', () => {
    const { computer, history, counter } = counting({ interval: 1 });
    computer.runTo(100_000);
    history.tick();
    computer.runTo(150_000);
    const before = { position: computer.position, counter: counter() };
    expect(search(history, 0x1000)).toBe(true);
    expect(counter()).toBe(before.counter - 1);
    expect(before.position - computer.position).toBeLessThan(300);
  });
});

describe('input in the past', () => {
  it('ends the future that was, also one without input', () => {
    const { computer, history } = counting();
    computer.runTo(50_000);
    const end = computer.position;
    history.seek({ position: 20_000, entered: 0 });
    const { position } = computer;
    expect(history.range.to).toBe(end);
    computer.input(bytes('y'));
    expect(history.range.to).toBe(position);
    expect(history.branches).toMatchObject([{ from: { position }, end }]);
  });

  it('begins another history; the old one can be taken up again', () => {
    const { computer, history, sent } = counting();
    computer.runTo(50_000);
    computer.input(bytes('x'));
    computer.runTo(100_000);
    const end = { now: history.now, parts: stateParts(computer) };
    expect(sent.join('')).toBe('x');

    history.seek({ position: 20_000, entered: 0 });
    computer.input(bytes('y'));
    expect(history.branches).toHaveLength(1);
    computer.runTo(90_000);
    expect(sent.join('')).toBe('xy');
    const other = { now: history.now, parts: stateParts(computer) };

    history.take(history.branches[0]);
    history.seek(end.now);
    expect(stateParts(computer)).toEqual(end.parts);

    history.take(history.branches[0]);
    history.seek(other.now);
    expect(stateParts(computer)).toEqual(other.parts);
    history.drop(history.branches[0]);
    expect(history.branches).toEqual([]);
  });
});
