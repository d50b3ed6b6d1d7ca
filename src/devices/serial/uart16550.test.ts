import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, FakeLine } from '../testing.ts';
import { Uart16550 } from './uart16550.ts';

const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
/** 10 bits of 16 ticks at 1.8432 MHz in cycles of 1 GHz, rounded up. */
const CHARACTER = 86_806;

let clock: FakeClock;
let line: FakeLine;
let sent: number[];
let uart: Uart16550;
const out = (reg: number, value: number) => uart.write(reg, 1, value);
const inb = (reg: number) => uart.read(reg);

beforeEach(() => {
  clock = new FakeClock();
  line = new FakeLine();
  sent = [];
  uart = new Uart16550({ clock, line, output: { write: (b) => sent.push(b) } });
  out(LCR, 3);
});

describe('detection, in the order of the Linux 8250 driver', () => {
  it('keeps only four bits of IER and has a scratch register', () => {
    out(IER, 0xff);
    expect(inb(IER)).toBe(0x0f);
    out(SCR, 0xa5);
    expect(inb(SCR)).toBe(0xa5);
  });

  it('loops modem control to modem status', () => {
    out(MCR, 0x10 | 0x0a);
    expect(inb(MSR) & 0xf0).toBe(0x90);
    out(MCR, 0x10 | 0x05);
    expect(inb(MSR)).toBe(0x60 | 0x0b);
    out(MCR, 0);
    expect(inb(MSR)).toBe(0xb0 | 0x0d);
    expect(inb(MSR)).toBe(0xb0);
  });

  it('reports a 16550A: FIFO bits on, no 64-byte FIFO, no extended registers', () => {
    out(IIR, 0x01);
    expect(inb(IIR) >> 6).toBe(3);
    out(LCR, 0xbf);
    expect(inb(IIR)).not.toBe(0);
    out(LCR, 3);
    out(IIR, 0x21);
    expect(inb(IIR) >> 5).toBe(6);
    out(IIR, 0);
    expect(inb(IIR)).toBe(1);
  });

  it('keeps the divisor behind DLAB', () => {
    out(LCR, 0x83);
    out(DATA, 0x0c);
    out(IER, 0x01);
    expect([inb(DATA), inb(IER)]).toEqual([0x0c, 0x01]);
    out(LCR, 3);
    expect(inb(IER)).toBe(0);
    expect(sent).toEqual([]);
  });
});

describe('transmitter', () => {
  it('emits at once and reports empty in baud time', () => {
    expect(inb(LSR)).toBe(0x60);
    out(DATA, 0x41);
    expect(sent).toEqual([0x41]);
    expect(inb(LSR) & 0x60).toBe(0);
    clock.advance(8681);
    expect(inb(LSR) & 0x60).toBe(0x20);
    clock.advance(CHARACTER - 8681 - 1);
    expect(inb(LSR) & 0x60).toBe(0x20);
    clock.advance(1);
    expect(inb(LSR) & 0x60).toBe(0x60);
  });

  it('loses nothing however fast it is fed', () => {
    for (let i = 0; i < 100; i++) out(DATA, i);
    expect(sent).toHaveLength(100);
    clock.advance(98 * CHARACTER);
    expect(inb(LSR) & 0x20).toBe(0);
    clock.advance(CHARACTER);
    expect(inb(LSR) & 0x60).toBe(0x20);
  });

  it('takes no time when told so', () => {
    uart = new Uart16550({ clock, line, output: { write: (b) => sent.push(b) }, instantTransmit: true });
    out(DATA, 1);
    expect(inb(LSR)).toBe(0x60);
  });

  it('raises THRE when enabled and again each time it runs empty; IIR acknowledges', () => {
    out(MCR, 0x08);
    out(IER, 0x02);
    expect(line.level).toBe(true);
    expect(inb(IIR)).toBe(0x02);
    expect(line.level).toBe(false);
    expect(inb(IIR)).toBe(0x01);
    out(IER, 0);
    out(IER, 0x02);
    expect(inb(IIR)).toBe(0x02);
    out(DATA, 0x42);
    expect(line.level).toBe(false);
    clock.advance(CHARACTER);
    expect(line.level).toBe(true);
  });

  it('drives the line only through OUT2', () => {
    out(IER, 0x02);
    expect(line.level).toBe(false);
    out(MCR, 0x08);
    expect(line.level).toBe(true);
    out(MCR, 0x18);
    expect(line.level).toBe(false);
  });
});

describe('receiver', () => {
  it('hands bytes over in baud time', () => {
    uart.receive([0x61, 0x62]);
    expect(inb(LSR) & 1).toBe(0);
    clock.advance(CHARACTER);
    expect(inb(LSR) & 1).toBe(1);
    expect(inb(DATA)).toBe(0x61);
    expect(inb(LSR) & 1).toBe(0);
    clock.advance(CHARACTER);
    expect(inb(DATA)).toBe(0x62);
  });

  it('interrupts at the trigger level and by timeout below it', () => {
    out(IIR, 0x41); // FIFO on, trigger at 4
    out(MCR, 0x08);
    out(IER, 0x01);
    uart.receive([1, 2, 3, 4, 5]);
    clock.advance(3 * CHARACTER);
    expect(line.level).toBe(false);
    clock.advance(CHARACTER);
    expect(inb(IIR)).toBe(0xc4);
    clock.advance(CHARACTER);
    for (const expected of [1, 2, 3]) expect(inb(DATA)).toBe(expected);
    expect(line.level).toBe(false);
    clock.advance(4 * CHARACTER);
    expect(inb(IIR)).toBe(0xcc);
    expect([inb(DATA), inb(DATA)]).toEqual([4, 5]);
    expect(inb(IIR)).toBe(0xc1);
  });

  it('queues what does not fit the FIFO', () => {
    out(IIR, 0x01);
    const text = Array.from({ length: 50 }, (_, i) => i);
    uart.receive(text);
    clock.advance(100 * CHARACTER);
    const got: number[] = [];
    while (got.length < 50) {
      while (inb(LSR) & 1) got.push(inb(DATA));
      clock.advance(CHARACTER);
    }
    expect(got).toEqual(text);
  });

  it('loops back at once, and overruns when nobody reads', () => {
    out(MCR, 0x1e);
    out(DATA, 0xae);
    expect(inb(DATA)).toBe(0xae);
    expect(sent).toEqual([]);
    out(IER, 0x04);
    out(DATA, 1);
    out(DATA, 2);
    expect(inb(IIR)).toBe(0x06);
    expect(inb(LSR) & 0x02).toBe(0x02);
    expect(inb(LSR) & 0x02).toBe(0);
    expect(inb(DATA)).toBe(1);
  });

  it('drops what the FIFO holds when told to clear it', () => {
    out(IIR, 0x01);
    uart.receive([9]);
    clock.advance(CHARACTER);
    out(IIR, 0x03);
    expect(inb(LSR) & 1).toBe(0);
  });
});
