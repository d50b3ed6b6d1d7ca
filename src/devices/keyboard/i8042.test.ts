import { beforeEach, describe, expect, it } from 'vitest';
import { FakeLine } from '../testing.ts';
import { I8042 } from './i8042.ts';
import { type KeyName, SCAN_CODES, translate } from './scancodes.ts';

let line: FakeLine;
let auxLine: FakeLine;
let events: string[];
let kbc: I8042;
const command = (...bytes: number[]) => {
  for (const byte of bytes) kbc.command.write(0, 1, byte);
};
const data = (...bytes: number[]) => {
  for (const byte of bytes) kbc.data.write(0, 1, byte);
};
const status = () => kbc.command.read(0, 1);
const drain = () => {
  const bytes: number[] = [];
  while (status() & 1) bytes.push(kbc.data.read(0, 1));
  return bytes;
};

beforeEach(() => {
  line = new FakeLine();
  auxLine = new FakeLine();
  events = [];
  kbc = new I8042({
    line,
    auxLine,
    a20: (enabled) => events.push(`a20 ${enabled}`),
    reset: () => events.push('reset'),
  });
});

describe('i8042', () => {
  it('passes the self test and keeps its command byte', () => {
    command(0xaa);
    expect(drain()).toEqual([0x55]);
    command(0x60);
    data(0x74);
    command(0x20);
    expect(drain()).toEqual([0x74]);
    expect(status() & 0x1c).toBe(0x1c);
  });

  it('has a password-free, fault-free front', () => {
    command(0xa4);
    command(0xab);
    command(0xa9);
    command(0xc0);
    expect(drain()).toEqual([0xf1, 0, 0, 0xa0]);
  });

  it('switches its ports on and off', () => {
    command(0xad, 0xa8, 0x20);
    expect(drain()).toEqual([0x55]);
    kbc.key('KeyA', true);
    expect(drain()).toEqual([]);
    command(0xae, 0xa7, 0x20);
    expect(drain()).toEqual([0x65]);
  });

  it('loops bytes into both output buffers', () => {
    command(0x60);
    data(0x47);
    command(0xd2);
    data(0x11);
    expect([line.level, auxLine.level, status() & 0x21]).toEqual([true, false, 0x01]);
    drain();
    command(0xd3);
    data(0xa5);
    expect([line.level, auxLine.level, status() & 0x21]).toEqual([false, true, 0x21]);
    expect(drain()).toEqual([0xa5]);
    expect(auxLine.level).toBe(false);
  });

  it('reports that nothing answers at the auxiliary port', () => {
    command(0xd4);
    data(0xf2);
    expect(status() & 0x61).toBe(0x61);
    expect(drain()).toEqual([0xfe]);
  });

  it('resets by the pulse command and by the output port', () => {
    command(0xfe);
    expect(events).toEqual(['reset']);
    command(0xff);
    command(0xd1);
    data(0x03);
    expect(events).toEqual(['reset', 'a20 true']);
    command(0xd1);
    data(0x02);
    expect(events.at(-1)).toBe('reset');
  });

  it('gates A20', () => {
    command(0xdd, 0xd0);
    expect(drain()).toEqual([0x01]);
    command(0xd1);
    data(0x03);
    command(0xd0);
    expect(drain()).toEqual([0x03]);
    command(0xdf);
    expect(events).toEqual(['a20 false', 'a20 true', 'a20 true']);
  });

  it('makes an edge for each byte', () => {
    kbc.key('ArrowUp', true);
    expect(line.rises).toBe(1);
    kbc.data.read(0, 1);
    expect(line.rises).toBe(2);
    kbc.data.read(0, 1);
    expect(line.level).toBe(false);
    expect(kbc.data.read(0, 1)).toBe(0x48); // an empty buffer shows the last byte
  });
});

describe('keyboard', () => {
  const raw = () => {
    command(0x60);
    data(0x05);
  };

  it('answers as the atkbd driver expects', () => {
    raw();
    data(0xff);
    expect(drain()).toEqual([0xfa, 0xaa]);
    data(0xf2);
    expect(drain()).toEqual([0xfa, 0xab, 0x83]);
    data(0xed, 0x05);
    expect(drain()).toEqual([0xfa, 0xfa]);
    expect(kbc.leds).toBe(5);
    data(0xf3, 0x20, 0xf4, 0xee);
    expect(drain()).toEqual([0xfa, 0xfa, 0xfa, 0xee]);
    data(0xf0, 0x00, 0xf0, 0x02, 0xf0, 0x03);
    expect(drain()).toEqual([0xfa, 0xfa, 2, 0xfa, 0xfa, 0xfa, 0xfe]);
    data(0xfe, 0x12);
    expect(drain()).toEqual([0xfe, 0xfe]);
  });

  it('sends set 2, or set 1 when translated', () => {
    kbc.key('KeyA', true);
    kbc.key('KeyA', false);
    kbc.key('Delete', false);
    expect(drain()).toEqual([0x1e, 0x9e, 0xe0, 0xd3]);
    raw();
    kbc.key('KeyA', true);
    kbc.key('KeyA', false);
    kbc.key('Delete', false);
    expect(drain()).toEqual([0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x71]);
  });

  it('is quiet while scanning is disabled', () => {
    data(0xf5);
    drain();
    kbc.key('Enter', true);
    expect(drain()).toEqual([]);
  });

  it('maps every key to a code of set 1 of its own', () => {
    const keys = Object.keys(SCAN_CODES) as KeyName[];
    const codes = keys.map(
      (key) => (SCAN_CODES[key] & 0xff00) | (translate(SCAN_CODES[key] & 0xff, false).byte ?? 0),
    );
    expect(new Set(codes).size).toBe(keys.length);
    expect(codes.every((code) => (code & 0xff) < 0x80)).toBe(true);
    expect(translate(SCAN_CODES.F7, false).byte).toBe(0x41);
    expect(translate(SCAN_CODES.Escape, true).byte).toBe(0x81);
  });
});
