import type { VmId } from '../protocol/target.ts';

/** Bytes of output kept per VM for a console that is opened later. */
const KEPT = 256 * 1024;

/** Reset to Initial State (ESC c): the terminal is empty and as after power-on. */
const RESET = Uint8Array.of(0x1b, 0x63);

/** @param restart the bytes are a reset of the terminal, and nothing that was printed */
type Sink = (bytes: Uint8Array, restart: boolean) => void;

/** Console output by VM. It goes straight to the terminals, past React. */
export class Consoles {
  readonly #backlog = new Map<VmId, { readonly chunks: Uint8Array[]; size: number }>();
  readonly #sinks = new Map<VmId, Set<Sink>>();

  write(vm: VmId, bytes: Uint8Array): void {
    let backlog = this.#backlog.get(vm);
    if (backlog === undefined) {
      backlog = { chunks: [], size: 0 };
      this.#backlog.set(vm, backlog);
    }
    backlog.chunks.push(bytes);
    backlog.size += bytes.length;
    while (backlog.size > KEPT && backlog.chunks.length > 1)
      backlog.size -= backlog.chunks.shift()?.length ?? 0;
    for (const sink of this.#sinks.get(vm) ?? []) sink(bytes, false);
  }

  /** What the console has shown has not happened yet. */
  restart(vm: VmId): void {
    this.#backlog.delete(vm);
    for (const sink of this.#sinks.get(vm) ?? []) sink(RESET, true);
  }

  /** Replays what was kept and then delivers what comes; returns the way to stop it. */
  attach(vm: VmId, sink: Sink): () => void {
    for (const chunk of this.#backlog.get(vm)?.chunks ?? []) sink(chunk, false);
    const sinks = this.#sinks.get(vm) ?? new Set();
    this.#sinks.set(vm, sinks.add(sink));
    return () => sinks.delete(sink);
  }
}
