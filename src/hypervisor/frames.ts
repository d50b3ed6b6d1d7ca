/** Host page frames and who owns each. */

import type { Stateful } from '../contracts/state.ts';

export const FRAME_SIZE = 0x1000;

export type FrameUse = 'hypervisor' | 'page-tables' | 'guest' | 'free';

export interface FrameOwner {
  readonly use: FrameUse;
  /** VM id for `guest` and `page-tables`. */
  readonly vm: number | undefined;
  readonly label: string;
}

/** Index of an owner in `FrameAllocator.owners`. */
export type OwnerIndex = number;

const FREE: OwnerIndex = 0;

export interface SavedFrames {
  readonly table: readonly FrameOwner[];
  readonly held: readonly number[];
  readonly owner: Uint16Array;
  readonly returned: readonly number[];
  readonly untouched: number;
}

/** Hands out frames of host memory, lowest first, and remembers the owner of every one. */
export class FrameAllocator implements Stateful<SavedFrames> {
  private readonly table: FrameOwner[] = [{ use: 'free', vm: undefined, label: 'free' }];
  private readonly held: number[] = [0];
  /** Owner of each frame. */
  private readonly owner: Uint16Array;
  /** Frames given back, a stack; frames from `untouched` on were never handed out. */
  private readonly returned: number[] = [];
  private untouched: number;

  /** `bytes` of host memory, of which the first `reserved` bytes are not handed out. */
  constructor(bytes: number, reserved: number) {
    const frames = Math.floor(bytes / FRAME_SIZE);
    this.owner = new Uint16Array(frames);
    this.untouched = Math.ceil(reserved / FRAME_SIZE);
    this.held[FREE] = frames;
    const kept = this.addOwner({
      use: 'hypervisor',
      vm: undefined,
      label: 'host: below the first free frame',
    });
    for (let frame = 0; frame < this.untouched; frame++) this.give(frame, kept);
  }

  get frames(): number {
    return this.owner.length;
  }

  get free(): number {
    return this.held[FREE];
  }

  /** All owners with the number of frames each holds; an owner without frames may be a VM that is gone. */
  owners(): readonly (FrameOwner & { readonly frames: number })[] {
    return this.table.map((owner, index) => ({ ...owner, frames: this.held[index] }));
  }

  addOwner(owner: FrameOwner): OwnerIndex {
    this.held.push(0);
    return this.table.push(owner) - 1;
  }

  framesOf(owner: OwnerIndex): number {
    return this.held[owner];
  }

  ownerOf(address: number): FrameOwner {
    return this.table[this.owner[Math.floor(address / FRAME_SIZE)]];
  }

  /** Physical address of a frame, now `owner`'s; undefined when none is left. Its content is undefined. */
  allocate(owner: OwnerIndex): number | undefined {
    const frame = this.returned.pop() ?? (this.untouched < this.frames ? this.untouched++ : undefined);
    if (frame === undefined) return undefined;
    this.give(frame, owner);
    return frame * FRAME_SIZE;
  }

  release(address: number): void {
    const frame = Math.floor(address / FRAME_SIZE);
    if (this.owner[frame] === FREE) throw new Error(`frame ${address.toString(16)}h is free already`);
    this.give(frame, FREE);
    this.returned.push(frame);
  }

  /** Gives back all frames of an owner. */
  releaseAll(owner: OwnerIndex): void {
    for (let frame = this.frames - 1; frame >= 0 && this.held[owner] > 0; frame--) {
      if (this.owner[frame] === owner) this.release(frame * FRAME_SIZE);
    }
  }

  /** Memory from address 0 on as pairs (owner index, number of frames). */
  runs(): Uint32Array {
    const runs: number[] = [];
    for (let frame = 0; frame < this.frames; ) {
      const owner = this.owner[frame];
      let end = frame + 1;
      while (end < this.frames && this.owner[end] === owner) end++;
      runs.push(owner, end - frame);
      frame = end;
    }
    return Uint32Array.from(runs);
  }

  save(): SavedFrames {
    const { table, held, owner, returned, untouched } = this;
    return { table: [...table], held: [...held], owner: owner.slice(), returned: [...returned], untouched };
  }

  restore(saved: SavedFrames): void {
    this.table.splice(0, Number.POSITIVE_INFINITY, ...saved.table);
    this.held.splice(0, Number.POSITIVE_INFINITY, ...saved.held);
    this.owner.set(saved.owner);
    this.returned.length = 0;
    for (const frame of saved.returned) this.returned.push(frame);
    this.untouched = saved.untouched;
  }

  private give(frame: number, owner: OwnerIndex): void {
    this.held[this.owner[frame]]--;
    this.held[owner]++;
    this.owner[frame] = owner;
  }
}
