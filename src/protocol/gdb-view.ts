import type { VmId } from './target.ts';

/** The line to `ringlab bridge`, and gdb at its other end. */
export interface GdbView {
  readonly state:
    | 'off'
    | 'connecting'
    /** The bridge waits for gdb. */
    | 'waiting'
    /** gdb is there, and decides when its machine runs. */
    | 'attached';
  /** TCP port of 127.0.0.1 where gdb finds the bridge; null while there is none. */
  readonly port: number | null;
  /** The machine that gdb has; null while there is no gdb. */
  readonly vm: VmId | null;
  /** Why there is no line any more, in a sentence; null when the user wants it so. */
  readonly trouble: string | null;
}
