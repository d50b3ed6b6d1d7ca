/** Frames, EPT and the RAM of a VM, without a processor. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutOfFramesError } from './ept-mapper.ts';
import { FRAME_SIZE, FrameAllocator } from './frames.ts';
import { GuestMemory } from './guest-memory.ts';
import { FakeMemory } from './testing.ts';
import { explainNested } from './walk/nested.ts';

const MIB = 0x10_0000;

describe('the frame allocator', () => {
  it('knows the owner of every frame through any history', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.boolean()), { maxLength: 300 }), (steps) => {
        const frames = new FrameAllocator(64 * FRAME_SIZE, 8 * FRAME_SIZE);
        const owners = [0, 1, 2].map((vm) => frames.addOwner({ use: 'guest', vm, label: `VM ${vm}` }));
        const held: number[][] = [[], [], []];
        for (const [who, give] of steps) {
          if (give) {
            const frame = held[who].pop();
            if (frame !== undefined) frames.release(frame);
          } else {
            const frame = frames.allocate(owners[who]);
            if (frame === undefined) expect(held.flat()).toHaveLength(56);
            else held[who].push(frame);
          }
        }
        expect(new Set(held.flat()).size).toBe(held.flat().length);
        held.forEach((list, who) => {
          expect(frames.framesOf(owners[who])).toBe(list.length);
          for (const frame of list) expect(frames.ownerOf(frame).vm).toBe(who);
        });
        expect(frames.free).toBe(56 - held.flat().length);
        const runs = frames.runs();
        const sums = new Map<number, number>();
        for (let i = 0; i < runs.length; i += 2) sums.set(runs[i], (sums.get(runs[i]) ?? 0) + runs[i + 1]);
        frames.owners().forEach(({ frames: count }, index) => {
          expect(sums.get(index) ?? 0).toBe(count);
        });
      }),
    );
  });

  it('refuses to take back what is free', () => {
    const frames = new FrameAllocator(MIB, 0);
    const frame = frames.allocate(frames.addOwner({ use: 'guest', vm: 1, label: '' }))!;
    frames.release(frame);
    expect(() => frames.release(frame)).toThrow('free already');
  });
});

function guest(hostBytes: number, guestBytes: number) {
  const host = new FakeMemory(hostBytes);
  const frames = new FrameAllocator(hostBytes, 0);
  return { host, frames, memory: new GuestMemory(guestBytes, 1, host, frames) };
}

describe('the memory of a VM', () => {
  it('is backed on first use, a group of 16 pages at a time', () => {
    const { memory, frames } = guest(4 * MIB, MIB);
    const before = frames.free;
    expect(memory.resident).toBe(0);
    expect(memory.back(0x2_3000)).toBe(16);
    expect(memory.resident).toBe(16 * FRAME_SIZE);
    // 16 pages and the three tables below the root.
    expect(before - frames.free).toBe(19);
    expect(memory.ept.lookup(0x2_0000)).toBeGreaterThan(0);
    expect(memory.ept.lookup(0x3_0000)).toBe(-1);
  });

  it('keeps what is written, zeros elsewhere', () => {
    const { memory } = guest(4 * MIB, 2 * MIB);
    const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7);
    memory.write(0x1234, bytes);
    expect(memory.read(0x1234, 10_000)).toEqual(bytes);
    expect(memory.read(0x1230, 4)).toEqual(new Uint8Array(4));
    expect(memory.read(MIB, 8)).toEqual(new Uint8Array(8));
    // Reading does not back anything.
    expect(memory.resident).toBe(3 * FRAME_SIZE);
  });

  it('refuses addresses outside', () => {
    const { memory } = guest(4 * MIB, MIB);
    expect(() => memory.read(MIB - 4, 8)).toThrow(RangeError);
    expect(() => memory.write(-1, Uint8Array.of(1))).toThrow(RangeError);
  });

  it('is what EPT walks find', () => {
    const { memory, host } = guest(4 * MIB, 2 * MIB);
    memory.write(0x17_8123, Uint8Array.of(42));
    const walk = explainNested(
      (at) => host.read32(at),
      { format: 'ept', pointer: memory.ept.pointer },
      0x17_8123,
    );
    expect(walk.entries.map(({ table, leaf }) => [table, leaf])).toEqual([
      ['EPT PML4', false],
      ['EPT PDPT', false],
      ['EPT PD', false],
      ['EPT PT', true],
    ]);
    expect(host.read(walk.hostPhysical!, 1)).toEqual(Uint8Array.of(42));
    expect(walk.rights).toBe(7);
    const missing = explainNested(
      (at) => host.read32(at),
      { format: 'ept', pointer: memory.ept.pointer },
      0x4000_0000,
    );
    expect(missing.entries.at(-1)).toMatchObject({
      table: 'EPT PDPT',
      fault: expect.stringContaining('not present'),
    });
  });

  it('runs out with a typed error', () => {
    const { memory } = guest(32 * FRAME_SIZE, MIB);
    expect(() => {
      for (let at = 0; at < MIB; at += FRAME_SIZE) memory.back(at);
    }).toThrow(OutOfFramesError);
  });

  it('gives pages back to the host and takes them again, empty', () => {
    const { memory, frames } = guest(4 * MIB, MIB);
    memory.write(0x5000, Uint8Array.of(1, 2, 3));
    const free = frames.free;
    expect(memory.giveBack(0x5000)).toBe(true);
    expect(frames.free).toBe(free + 1);
    expect(memory.giveBack(0x5000)).toBe(false);
    expect(memory.giveBack(MIB)).toBe(false);
    expect(memory.takeAgain(0x6000)).toBe(false);
    expect(memory.takeAgain(0x5000)).toBe(true);
    expect(memory.read(0x5000, 3)).toEqual(new Uint8Array(3));
  });

  it('is not backed again along with its neighbours while ballooned', () => {
    const { memory } = guest(4 * MIB, MIB);
    memory.giveBack(0x5000);
    memory.back(0x4000);
    expect(memory.ept.lookup(0x5000)).toBe(-1);
  });

  it('leaves nothing behind', () => {
    const { memory, frames } = guest(4 * MIB, MIB);
    memory.write(0, new Uint8Array(MIB));
    memory.destroy();
    expect(frames.free).toBe(frames.frames);
  });
});
