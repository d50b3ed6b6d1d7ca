import type { BusTarget, Device } from '../../contracts/device.ts';

const KEPT = 64;

/**
 * POST port 80h: shows a progress code, and serves as a delay to old drivers. Runs of the same code
 * count once, so that delays do not push the codes out.
 */
export class PostCodes implements BusTarget, Device<number[]> {
  readonly widest = 1;
  private codes: number[] = [];

  /** The last codes, oldest first. */
  get history(): readonly number[] {
    return this.codes;
  }

  read(): number {
    return this.codes.at(-1) ?? 0;
  }

  write(_offset: number, _size: number, value: number): void {
    if (value === this.codes.at(-1)) return;
    this.codes.push(value);
    if (this.codes.length > KEPT) this.codes.shift();
  }

  reset(): void {
    this.codes = [];
  }

  save(): number[] {
    return [...this.codes];
  }

  restore(state: number[]): void {
    this.codes = [...state];
  }
}
