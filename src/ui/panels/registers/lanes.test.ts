import { expect, test } from 'vitest';
import { LANES, type Lanes, lanesOf, numberOf, withLane } from './lanes.ts';

const values = (array: Uint8Array, lanes: Lanes) => lanesOf(array, lanes).map(({ value }) => value);

function bytes(write: (view: DataView) => void): Uint8Array {
  const array = new Uint8Array(16);
  write(new DataView(array.buffer));
  return array;
}

test('lanes are the highest first', () => {
  const array = Uint8Array.from({ length: 16 }, (_, n) => n);
  expect(values(array, 'u8x16')[0]).toBe('15');
  expect(values(array, 'u32x4').at(-1)).toBe(String(0x0302_0100));
  expect(values(array, 'u64x2')[0]).toBe(String(0x0f0e_0d0c_0b0a_0908n));
  expect(values(new Uint8Array(16).fill(255), 'i16x8')[3]).toBe('-1');
});

test('singles are as short as they can be', () => {
  const array = bytes((view) => {
    view.setFloat32(0, 0.1, true);
    view.setFloat32(4, -0, true);
    view.setFloat32(8, 16777216, true);
    view.setFloat32(12, Number.NEGATIVE_INFINITY, true);
  });
  expect(values(array, 'f32x4')).toEqual(['-Infinity', '16777216', '-0', '0.1']);
  const doubles = bytes((view) => {
    view.setFloat64(0, 0.1, true);
    view.setFloat64(8, Number.NaN, true);
  });
  expect(values(doubles, 'f64x2')).toEqual(['NaN', '0.1']);
});

test('every value that is shown can be written, and is the same then', () => {
  const array = Uint8Array.from({ length: 16 }, (_, n) => (n * 37 + 200) & 0xff);
  for (const lanes of Object.keys(LANES) as Lanes[]) {
    let copy: Uint8Array = new Uint8Array(16);
    for (const { lane, value } of lanesOf(array, lanes)) copy = withLane(copy, lanes, lane, value) ?? copy;
    expect(copy, lanes).toEqual(array);
  }
});

test('a lane takes what it can hold', () => {
  const write = (lanes: Lanes, text: string) => {
    const changed = withLane(new Uint8Array(16), lanes, 1, text);
    return changed && numberOf(changed);
  };
  expect(write('u8x16', '255')).toBe(0xff00n);
  expect(write('u8x16', '256')).toBeUndefined();
  expect(write('u8x16', '-1')).toBeUndefined();
  expect(write('i8x16', '-1')).toBe(0xff00n);
  expect(write('i8x16', '0xff')).toBe(0xff00n);
  expect(write('i8x16', '128')).toBeUndefined();
  expect(write('u64x2', '0x123')).toBe(0x123n << 64n);
  expect(write('f32x4', '1.5')).toBe(0x3fc00000n << 32n);
  expect(write('f64x2', '-Infinity')).toBe(0xfff0_0000_0000_0000n << 64n);
  for (const text of ['', 'one', '1e']) expect(write('f64x2', text)).toBeUndefined();
});
