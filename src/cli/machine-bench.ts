import { type BootImage, planImage } from '../machine/boot/load.ts';
import { Computer, type ComputerStop, DEFAULT_HZ } from '../machine/computer.ts';
import type { Bench, Counters, Stop } from './bench.ts';
import type { ComputerCommand } from './command.ts';
import { describeCrash } from './crash.ts';

/** The bare machine as a bench. */
export class MachineBench implements Bench {
  readonly protocol: string;
  readonly hz = DEFAULT_HZ;
  readonly cpus: number;
  onOutput: (bytes: Uint8Array) => void = () => {};
  private readonly computer: Computer;

  /** Throws `ImageError` when the image cannot be booted. */
  constructor({ memoryBytes, cpus, acpi, tier2 }: ComputerCommand, image: BootImage) {
    // Before any memory is allocated: a bad image costs nothing.
    this.protocol = planImage(image, memoryBytes, { cpus, acpi }).protocol;
    this.cpus = cpus;
    this.computer = new Computer({
      ramBytes: memoryBytes,
      cpus,
      ...(tier2 ? { tier2 } : {}),
      serialOutput: (byte) => this.onOutput(Uint8Array.of(byte)),
    });
    this.computer.boot(image, acpi);
  }

  run(cycles: number): Stop {
    return this.translate(this.computer.run(this.computer.now + cycles));
  }

  interrupt(): void {
    this.computer.pause();
  }

  input(bytes: Uint8Array): void {
    this.computer.input([...bytes]);
  }

  counters(): Counters {
    return { instructions: this.computer.instructions, cycles: this.computer.now, exits: {}, hypercalls: {} };
  }

  private translate(stop: ComputerStop): Stop {
    switch (stop.kind) {
      case 'time':
      case 'paused':
        return { kind: 'budget' };
      case 'waiting':
        return { kind: 'halted' };
      case 'exit':
        return { kind: 'debug-exit', status: stop.status };
      case 'crash':
        return describeCrash(stop.cpu, stop.reason, this.computer.processors[stop.cpu].regs);
      case 'power-off':
      case 'reset':
        return stop;
      case 'breakpoint':
        throw new Error('a breakpoint was hit, and none was set');
    }
  }
}
