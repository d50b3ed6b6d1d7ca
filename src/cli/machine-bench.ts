import type { BootImage } from '../machine/boot/load.ts';
import { type Computer, DEFAULT_HZ } from '../machine/computer.ts';
import type { Bench, Counters, Stop } from './bench.ts';
import type { ComputerCommand } from './command.ts';
import { benchStop, openComputer } from './computer.ts';

/** The bare machine as a bench. */
export class MachineBench implements Bench {
  readonly protocol: string;
  readonly hz = DEFAULT_HZ;
  readonly cpus: number;
  onOutput: (bytes: Uint8Array) => void = () => {};
  private readonly computer: Computer;

  /** Throws `ImageError` when the image cannot be booted. */
  constructor(command: ComputerCommand, image: BootImage) {
    const output = (byte: number) => this.onOutput(Uint8Array.of(byte));
    ({ protocol: this.protocol, computer: this.computer } = openComputer(command, image, output));
    this.cpus = command.cpus;
  }

  run(cycles: number): Stop {
    return benchStop(this.computer, this.computer.run(this.computer.now + cycles));
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
}
