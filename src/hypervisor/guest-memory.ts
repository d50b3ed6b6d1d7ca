/** The RAM of a VM: guest-physical addresses 0 to size, backed by host frames from first use on. */
import type { HostMemory } from '../contracts/host-cpu.ts';
import type { PhysicalMemory } from '../contracts/memory.ts';
import type { Stateful } from '../contracts/state.ts';
import { EptMapper, OutOfFramesError } from './ept-mapper.ts';
import { FRAME_SIZE, type FrameAllocator, type OwnerIndex } from './frames.ts';

/** Pages backed at a time when a guest touches one that is not: those of its aligned group. */
const GROUP = 16;

export interface SavedGuestMemory {
  /** Pages with a frame. */
  readonly mapped: number;
  readonly ballooned: Uint8Array;
}

export class GuestMemory implements PhysicalMemory, Stateful<SavedGuestMemory> {
  readonly size: number;
  readonly ept: EptMapper;
  private readonly host: HostMemory;
  private readonly frames: FrameAllocator;
  private readonly owner: OwnerIndex;
  private readonly tablesOwner: OwnerIndex;
  /** Pages that the guest has given back by its balloon, one flag a page. */
  private readonly ballooned: Uint8Array;

  constructor(size: number, vm: number, host: HostMemory, frames: FrameAllocator) {
    this.size = size;
    this.host = host;
    this.frames = frames;
    this.owner = frames.addOwner({ use: 'guest', vm, label: `VM ${vm}: memory` });
    this.tablesOwner = frames.addOwner({ use: 'page-tables', vm, label: `VM ${vm}: EPT` });
    this.ept = new EptMapper(host, frames, this.tablesOwner);
    this.ballooned = new Uint8Array(size / FRAME_SIZE);
  }

  /** Bytes that have a frame. */
  get resident(): number {
    return this.ept.mapped * FRAME_SIZE;
  }

  isRam(guestPhysical: number): boolean {
    return guestPhysical < this.size;
  }

  /**
   * Backs the page of an address, and its neighbours while frames last. Throws OutOfFramesError.
   * @returns pages backed; 0 when it was backed already
   */
  back(guestPhysical: number): number {
    const page = Math.floor(guestPhysical / FRAME_SIZE) * FRAME_SIZE;
    if (this.ept.lookup(page) >= 0) return 0;
    this.backPage(page);
    const group = FRAME_SIZE * GROUP;
    const start = Math.floor(page / group) * group;
    let backed = 1;
    for (let at = start; at < Math.min(start + group, this.size); at += FRAME_SIZE) {
      if (at === page || this.frames.free < GROUP || this.ballooned[at / FRAME_SIZE] !== 0) continue;
      if (this.ept.lookup(at) >= 0) continue;
      this.backPage(at);
      backed++;
    }
    return backed;
  }

  /** Host-physical address of a byte of RAM, its page backed if it was not. */
  hostAddress(guestPhysical: number): number {
    const offset = guestPhysical % FRAME_SIZE;
    const page = guestPhysical - offset;
    const frame = this.ept.lookup(page);
    return (frame >= 0 ? frame : this.backPage(page)) + offset;
  }

  /** What is not in host memory: which pages are mapped is. */
  save(): SavedGuestMemory {
    return { mapped: this.ept.mapped, ballooned: this.ballooned.slice() };
  }

  restore(saved: SavedGuestMemory): void {
    this.ept.mapped = saved.mapped;
    this.ballooned.set(saved.ballooned);
  }

  read(address: number, length: number): Uint8Array {
    this.check(address, length);
    const bytes = new Uint8Array(length);
    this.pieces(address, length, (at, from, count) => {
      const frame = this.ept.lookup(at - (at % FRAME_SIZE));
      // A page without a frame reads as zeros: nobody has written to it.
      if (frame >= 0) bytes.set(this.host.read(frame + (at % FRAME_SIZE), count), from);
    });
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    this.check(address, bytes.length);
    this.pieces(address, bytes.length, (at, from, count) => {
      this.host.write(this.hostAddress(at), bytes.subarray(from, from + count));
    });
  }

  /** The guest gives a page back. @returns false when it is not RAM or has been given back already */
  giveBack(guestPhysical: number): boolean {
    const page = guestPhysical / FRAME_SIZE;
    if (!this.isRam(guestPhysical) || this.ballooned[page] !== 0) return false;
    this.ballooned[page] = 1;
    const frame = this.ept.unmap(guestPhysical);
    if (frame >= 0) this.frames.release(frame);
    return true;
  }

  /** The guest takes a page again; it is backed on first use. */
  takeAgain(guestPhysical: number): boolean {
    const page = guestPhysical / FRAME_SIZE;
    if (!this.isRam(guestPhysical) || this.ballooned[page] === 0) return false;
    this.ballooned[page] = 0;
    return true;
  }

  /** Gives all frames back; the memory is not to be used any more. */
  destroy(): void {
    this.frames.releaseAll(this.owner);
    this.frames.releaseAll(this.tablesOwner);
  }

  private backPage(page: number): number {
    const frame = this.frames.allocate(this.owner);
    if (frame === undefined) throw new OutOfFramesError();
    this.host.fill(frame, FRAME_SIZE, 0);
    this.ballooned[page / FRAME_SIZE] = 0;
    this.ept.map(page, frame);
    return frame;
  }

  /** Cuts a range at page borders. */
  private pieces(
    address: number,
    length: number,
    each: (at: number, from: number, count: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const at = address + done;
      const count = Math.min(length - done, FRAME_SIZE - (at % FRAME_SIZE));
      each(at, done, count);
      done += count;
    }
  }

  private check(address: number, length: number): void {
    if (address >= 0 && address + length <= this.size) return;
    throw new RangeError(
      `guest-physical ${address.toString(16)}h..${(address + length).toString(16)}h is outside RAM of ${this.size.toString(16)}h bytes`,
    );
  }
}
