import { expect, test } from 'vitest';
import { address, brief, bytes, count, duration, parseAddress, seconds } from './format.ts';

const plain = (text: string) => text.replace(/\u202f/g, ' ');

test('numbers for people', () => {
  expect(plain(count(1234567))).toBe('1 234 567');
  expect(plain(brief(999))).toBe('999');
  expect(plain(brief(12_345))).toBe('12.3 k');
  expect(plain(brief(999_900))).toBe('1.00 M');
  expect(plain(bytes(64 * 1024))).toBe('64 KiB');
  expect(plain(bytes(1536))).toBe('1.5 KiB');
  expect(plain(duration(850))).toBe('850 ns');
  expect(plain(duration(12_400))).toBe('12.4 µs');
  expect(plain(seconds(12_345_678_901))).toBe('12.345 678');
});

test('addresses are read back as they are written', () => {
  expect(address(0xffff_8000_0010_2030n)).toBe('ffff8000 00102030');
  for (const text of ['ffff8000 00102030', '0xffff800000102030', 'FFFF8000`00102030', 'ffff8000_00102030h']) {
    expect(parseAddress(text)).toBe(0xffff_8000_0010_2030n);
  }
});

test('what is no address is refused', () => {
  for (const text of ['', '0x', 'main', '12345678901234567', '-1'])
    expect(parseAddress(text)).toBeUndefined();
});
