/** The extended page tables of one VM: made as pages are mapped. SDM volume 3C, "EPT Translation Mechanism". */
import { EPT, EPTP, MEMORY_TYPE } from '../arch/ept.ts';
import type { HostMemory } from '../contracts/host-cpu.ts';
import { FRAME_SIZE, type FrameAllocator, type OwnerIndex } from './frames.ts';

const LEAF = EPT.RIGHTS | (MEMORY_TYPE.WB << EPT.MEMORY_TYPE_SHIFT);
const HIGH = 0x1_0000_0000;

/** Host memory is used up. */
export class OutOfFramesError extends Error {
  constructor() {
    super('no host page frame is left: give the computer more memory, or the virtual machines less');
    this.name = 'OutOfFramesError';
  }
}

export class EptMapper {
  /** Value for the EPT-pointer field. */
  readonly pointer: number;
  /** Pages mapped. */
  mapped = 0;
  private readonly memory: HostMemory;
  private readonly frames: FrameAllocator;
  private readonly owner: OwnerIndex;
  private readonly root: number;

  /** `owner`: whom the tables are booked on. */
  constructor(memory: HostMemory, frames: FrameAllocator, owner: OwnerIndex) {
    this.memory = memory;
    this.frames = frames;
    this.owner = owner;
    this.root = this.newTable();
    this.pointer = this.root + EPTP.FOUR_LEVELS_WB;
  }

  /** Host-physical address of the page's frame, or -1. Addresses are multiples of 4096. */
  lookup(guestPhysical: number): number {
    const at = this.leafAddress(guestPhysical, false);
    if (at < 0) return -1;
    const lo = this.memory.read32(at);
    if ((lo & EPT.RIGHTS) === 0) return -1;
    return (this.memory.read32(at + 4) & 0xfffff) * HIGH + ((lo & ~0xfff) >>> 0);
  }

  /** Maps a page that is not mapped, with all rights. */
  map(guestPhysical: number, hostPhysical: number): void {
    const at = this.leafAddress(guestPhysical, true);
    this.memory.write32(at + 4, Math.floor(hostPhysical / HIGH));
    this.memory.write32(at, ((hostPhysical % HIGH) | LEAF) >>> 0);
    this.mapped++;
  }

  /** Takes a page out and returns its frame; -1 when it was not mapped. INVEPT is the caller's. */
  unmap(guestPhysical: number): number {
    const frame = this.lookup(guestPhysical);
    if (frame < 0) return -1;
    const at = this.leafAddress(guestPhysical, false);
    this.memory.write32(at, 0);
    this.memory.write32(at + 4, 0);
    this.mapped--;
    return frame;
  }

  /** Address of the last-level entry; -1 when a table on the way is missing and not to be made. */
  private leafAddress(guestPhysical: number, make: boolean): number {
    const page = Math.floor(guestPhysical / FRAME_SIZE);
    const upper = Math.floor(page / 0x4_0000);
    let table = this.root;
    for (let level = 4; level > 1; level--) {
      const index = level > 2 ? (upper >>> ((level - 3) * 9)) & 511 : (page >>> 9) & 511;
      const at = table + index * 8;
      const lo = this.memory.read32(at);
      if ((lo & EPT.RIGHTS) !== 0) {
        table = (this.memory.read32(at + 4) & 0xfffff) * HIGH + ((lo & ~0xfff) >>> 0);
      } else {
        if (!make) return -1;
        table = this.newTable();
        this.memory.write32(at + 4, Math.floor(table / HIGH));
        this.memory.write32(at, ((table % HIGH) | EPT.RIGHTS) >>> 0);
      }
    }
    return table + (page & 511) * 8;
  }

  private newTable(): number {
    const frame = this.frames.allocate(this.owner);
    if (frame === undefined) throw new OutOfFramesError();
    this.memory.fill(frame, FRAME_SIZE, 0);
    return frame;
  }
}
