/**
 * One processor with 256 KiB of RAM that random programs run on: interrupts that come when it is
 * told, a device and ports that remember what was done to them and when.
 */
import type { Tier2Mode } from '../../contracts/tiers.ts';
import type { CodeCache } from '../code-cache.ts';
import { Processor } from '../processor.ts';
import type { Registers } from '../registers.ts';
import { Runtime } from '../runtime.ts';
import { LAYOUT } from '../state.ts';
import { writeTsc } from '../system/tsc.ts';
import { IMAGE_BYTES, putImage, putRegisters } from './lockstep-image.ts';
import type { Compilation, Layout, Program, Slice } from './random-program.ts';

const PAGE = 0x1000;
const PORT_CYCLES = 20;

/** How a slice ended. */
export type SliceEnd = 'time' | 'idle' | 'stopped';

export class LockstepMachine {
  readonly processor: Processor;
  readonly regs: Registers;
  readonly ram: Uint8Array;
  /** Grows with every access to the device and the ports, its value and its instant. */
  deviceHash = 0;
  interrupts = 0;
  readonly runtime: Runtime;
  private readonly code: CodeCache;
  private interruptPending = false;
  private compilation: Compilation = { oneIn: 1, most: 0 };
  private requests = 0;
  private granted = 0;
  private origin = { cycle: 0, instructions: 0, idle: 0, crossings: 0 };

  /** @param withhold CPUID features that are not shown */
  constructor(tier2: Tier2Mode, withhold: readonly string[] = []) {
    const memory = new WebAssembly.Memory({
      initial: (LAYOUT.RAM + IMAGE_BYTES) / 0x10000,
      maximum: 0x10000,
    });
    this.ram = new Uint8Array(memory.buffer, LAYOUT.RAM, IMAGE_BYTES);
    const runtime = new Runtime(memory, IMAGE_BYTES);
    this.runtime = runtime;
    this.code = runtime.code;
    this.processor = new Processor({
      memory,
      ramBytes: IMAGE_BYTES,
      index: 0,
      runtime,
      bus: {
        read: (address, size) => this.note(address, size),
        write: (address, size, value) => void this.note(address ^ value, size),
      },
      ports: {
        in: (port, size) => {
          this.processor.charge(PORT_CYCLES);
          return this.note(port, size);
        },
        out: (port, size, value) => {
          this.processor.charge(PORT_CYCLES);
          if ((this.note(port ^ value, size) & 1) === 0) this.interrupt();
        },
      },
      cpuid: { vendor: 'intel', cpus: 1, apicId: 0, tscHz: 1_000_000_000, physicalBits: 40, withhold },
    });
    this.processor.connect({
      pending: () => this.interruptPending,
      acknowledge: () => {
        this.interruptPending = false;
        return 0x40 + (this.interrupts++ & 7);
      },
      cr8: 0,
      readMsr: () => undefined,
      writeMsr: () => false,
    });
    this.regs = this.processor.regs;
    runtime.regions.setMode(tier2);
    const { regions } = runtime;
    const request = regions.request.bind(regions);
    regions.request = (wanted) => this.grants() && request(wanted);
  }

  /** Cycles and instructions since the program's start, cycles without anything to do, changes of ring. */
  get time(): readonly number[] {
    const { processor: p, origin } = this;
    return [
      p.now() - origin.cycle,
      p.instructions - origin.instructions,
      p.idleCycles - origin.idle,
      p.crossings.count - origin.crossings,
    ];
  }

  get isInterruptPending(): boolean {
    return this.interruptPending;
  }

  /** Puts a program at its start. What the machine has decoded and compiled of others is left, but invalid. */
  load(program: Program, layout: Layout): void {
    const { processor: p } = this;
    putImage(this.ram, program, layout);
    for (let page = 0; page < IMAGE_BYTES; page += PAGE) this.code.written(page, PAGE);
    p.reset();
    putRegisters(this.regs, this.ram, program);
    this.compilation = program.compilation;
    this.requests = 0;
    this.granted = 0;
    this.deviceHash = 0;
    this.interrupts = 0;
    this.interruptPending = false;
    this.origin = {
      cycle: p.now(),
      instructions: p.instructions,
      idle: p.idleCycles,
      crossings: p.crossings.count,
    };
    writeTsc(p, 0, 0);
  }

  /** Runs for a slice; then the slice's event arrives. */
  run({ cycles, event }: Slice): SliceEnd {
    const { processor: p } = this;
    const until = p.now() + cycles;
    const end = p.run(until);
    if (end.kind === 'stopped') return 'stopped';
    if (end.kind === 'idle') p.skipTo(until);
    if (event === 'interrupt') this.interrupt();
    else if (event === 'nmi') p.nmi();
    return end.kind === 'idle' ? 'idle' : 'time';
  }

  /** Whether a region that is asked for is compiled: see `Compilation`. */
  private grants(): boolean {
    const { oneIn, most } = this.compilation;
    if (this.requests++ % oneIn !== 0 || this.granted >= most) return false;
    this.granted++;
    return true;
  }

  private interrupt(): void {
    this.interruptPending = true;
    this.processor.interruptRequested();
  }

  /** @returns a value that depends on all that happened before */
  private note(value: number, size: number): number {
    const instant = this.processor.now() - this.origin.cycle;
    let hash = Math.imul(this.deviceHash ^ value, 0x9e37_79b1) + instant;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca77);
    this.deviceHash = hash ^ (hash >>> 13);
    return (this.deviceHash >>> 0) % 2 ** (8 * size);
  }
}
