import { dayOfWeek, fromEpoch, toEpoch } from './calendar.ts';
import { ANY, B, PM, REG } from './registers.ts';

/**
 * The time as the clock's registers hold it, in the format that register B selects: BCD or binary,
 * 24 or 12 hours. `bytes` is the whole register file, times are seconds since 1970-01-01 UTC.
 */

const TIME_REGISTERS: ReadonlySet<number> = new Set([
  REG.SECOND,
  REG.MINUTE,
  REG.HOUR,
  REG.WEEKDAY,
  REG.DAY,
  REG.MONTH,
  REG.YEAR,
  REG.CENTURY,
]);

export const isTimeRegister = (index: number): boolean => TIME_REGISTERS.has(index);

const encode = (bytes: readonly number[], value: number): number =>
  bytes[REG.B] & B.BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);

const decode = (bytes: readonly number[], value: number): number =>
  bytes[REG.B] & B.BINARY ? value : (value >> 4) * 10 + (value & 15);

const encodeHour = (bytes: readonly number[], hour: number): number =>
  bytes[REG.B] & B.HOURS_24 ? encode(bytes, hour) : encode(bytes, hour % 12 || 12) | (hour >= 12 ? PM : 0);

const decodeHour = (bytes: readonly number[], value: number): number =>
  bytes[REG.B] & B.HOURS_24
    ? decode(bytes, value)
    : (decode(bytes, value & ~PM) % 12) + (value & PM ? 12 : 0);

/** Writes a time into the registers. */
export function showTime(bytes: number[], seconds: number): void {
  const t = fromEpoch(seconds);
  bytes[REG.SECOND] = encode(bytes, t.second);
  bytes[REG.MINUTE] = encode(bytes, t.minute);
  bytes[REG.HOUR] = encodeHour(bytes, t.hour);
  bytes[REG.WEEKDAY] = dayOfWeek(seconds);
  bytes[REG.DAY] = encode(bytes, t.day);
  bytes[REG.MONTH] = encode(bytes, t.month);
  bytes[REG.YEAR] = encode(bytes, t.year % 100);
  bytes[REG.CENTURY] = encode(bytes, Math.floor(t.year / 100));
}

/** The time that the registers show; values out of range carry over. */
export function takeTime(bytes: readonly number[]): number {
  return toEpoch({
    year: decode(bytes, bytes[REG.CENTURY]) * 100 + decode(bytes, bytes[REG.YEAR]),
    month: decode(bytes, bytes[REG.MONTH]),
    day: decode(bytes, bytes[REG.DAY]),
    hour: decodeHour(bytes, bytes[REG.HOUR]),
    minute: decode(bytes, bytes[REG.MINUTE]),
    second: decode(bytes, bytes[REG.SECOND]),
  });
}

/** Whether the alarm registers match a time. */
export function alarmMatches(bytes: readonly number[], seconds: number): boolean {
  const t = fromEpoch(seconds);
  const matches = (alarm: number, value: number) => alarm >= ANY || alarm === value;
  return (
    matches(bytes[REG.SECOND_ALARM], encode(bytes, t.second)) &&
    matches(bytes[REG.MINUTE_ALARM], encode(bytes, t.minute)) &&
    matches(bytes[REG.HOUR_ALARM], encodeHour(bytes, t.hour))
  );
}
