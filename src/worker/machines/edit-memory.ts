import type { PhysicalMemory } from '../../contracts/memory.ts';
import type { MachineEdit } from '../../protocol/edits.ts';
import { Refusal } from '../refusal.ts';
import type { Locate } from './memory-access.ts';

const PAGE = 0x1000n;
/** No one types more at once. */
const MOST_BYTES = 0x1_0000;

type MemoryEdit = Extract<MachineEdit, { kind: 'memory' }>;

export interface EditedMemory {
  readonly locate: Locate;
  /** Host-physical. */
  readonly ram: PhysicalMemory;
  /** A VM's RAM, whose pages have a frame only from their first use on; undefined on a bare machine. */
  readonly guest: PhysicalMemory | undefined;
}

/** Writes bytes page by page: all of them, or none and a `Refusal` that says where memory ends. */
export function editMemory(
  { space, address, bytes }: MemoryEdit,
  { locate, ram, guest }: EditedMemory,
): void {
  if (bytes.length > MOST_BYTES)
    throw new Refusal(
      `${bytes.length} bytes are too many for one edit.`,
      null,
      `Write at most ${MOST_BYTES}.`,
    );
  const pieces: (() => void)[] = [];
  for (let done = 0; done < bytes.length; ) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const size = Math.min(bytes.length - done, Number(PAGE - (at % PAGE)));
    const piece = Uint8Array.from(bytes.slice(done, done + size));
    const found = locate(space, at);
    if (found.kind === 'ram') {
      const { hostPhysical } = found;
      pieces.push(() => ram.write(hostPhysical, piece));
    } else {
      const { guestPhysical } = found;
      if (guest === undefined || guestPhysical === undefined || guestPhysical + size > guest.size)
        throw new Refusal(
          'There is no memory to write to.',
          `0x${at.toString(16)} (${space}): ${found.why}`,
          'Choose an address that is mapped to RAM.',
        );
      pieces.push(() => guest.write(guestPhysical, piece));
    }
    done += size;
  }
  for (const write of pieces) write();
}
