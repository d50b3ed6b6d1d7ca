/** An integer constant whose value may still be changed when its code has been emitted, which happens once. */
import type { Code } from './code.ts';
import type { Expression } from './expression.ts';

const OPCODE = { i32: 0x41, i64: 0x42 } as const;

export class LateConstant<T extends 'i32' | 'i64'> implements Expression<T> {
  readonly type: T;
  private readonly bytes: number;
  private value: number;
  private place: { readonly code: Code; readonly at: number } | undefined;

  /** @param bytes that every value has room in, as signed LEB128: 7 bits each */
  constructor(type: T, value: number, bytes: number) {
    this.type = type;
    this.value = value;
    this.bytes = bytes;
  }

  readonly emit = (code: Code): void => {
    if (this.place) throw new Error('a late constant is emitted once');
    code.byte(OPCODE[this.type]);
    this.place = { code, at: code.fixed(this.value, this.bytes) };
  };

  set(value: number): void {
    this.value = value;
    this.place?.code.change(this.place.at, value, this.bytes);
  }
}
