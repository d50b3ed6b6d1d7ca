import { exitReason } from '../arch/exit-reasons.ts';
import { HYPERCALL } from '../arch/hypercalls.ts';
import type { Vm, VmEnd } from '../hypervisor/vm.ts';
import { type BootImage, planImage } from '../machine/boot/load.ts';
import { DEFAULT_HZ, DEFAULT_START } from '../machine/computer.ts';
import { HostComputer, hostRamFor } from '../worker/host-computer.ts';
import type { Bench, Counters, Stop } from './bench.ts';
import type { ComputerCommand } from './command.ts';
import { describeVmCrash } from './crash.ts';

/** One virtual machine under the hypervisor as a bench. */
export class VmBench implements Bench {
  readonly protocol: string;
  readonly hz = DEFAULT_HZ;
  readonly cpus: number;
  onOutput: (bytes: Uint8Array) => void = () => {};
  private readonly host: HostComputer;
  private readonly vm: Vm;
  private stop: Stop | undefined;

  /** Throws `ImageError` when the image cannot be booted. */
  constructor({ memoryBytes, cpus, acpi, tier2 }: ComputerCommand, image: BootImage) {
    this.protocol = planImage(image, memoryBytes, { cpus, acpi }).protocol;
    this.cpus = cpus;
    this.host = new HostComputer({
      ramBytes: hostRamFor(memoryBytes),
      cpus,
      ...(tier2 ? { tier2 } : {}),
      observer: { ended: (_, end) => this.ended(end) },
    });
    this.vm = this.host.hypervisor.create({
      name: 'guest',
      memory: memoryBytes,
      vcpus: cpus,
      acpi,
      load: (memory, info) => {
        const plan = planImage(image, memory.size, info);
        plan.commit(memory);
        return plan.state;
      },
      console: (byte) => this.onOutput(Uint8Array.of(byte)),
      startTime: DEFAULT_START,
    });
    this.host.hypervisor.start(this.vm);
  }

  run(cycles: number): Stop {
    const { computer } = this.host;
    const stop = computer.run(computer.now + cycles);
    if (this.stop) return this.stop;
    switch (stop.kind) {
      case 'time':
      case 'paused':
        return { kind: 'budget' };
      case 'waiting':
        return { kind: 'halted' };
      default:
        throw new Error(`the host stopped: ${stop.kind}`);
    }
  }

  interrupt(): void {
    this.host.computer.pause();
  }

  input(bytes: Uint8Array): void {
    this.host.hypervisor.type(this.vm, [...bytes]);
  }

  counters(): Counters {
    const { computer } = this.host;
    const { exits, hypercalls } = this.vm.counters;
    const counted: [string, number][] = [];
    exits.forEach((count, reason) => {
      if (count > 0) counted.push([exitReason(reason).name, count]);
    });
    return {
      instructions: computer.instructions,
      cycles: computer.now,
      exits: Object.fromEntries(counted),
      hypercalls: Object.fromEntries(
        [...hypercalls].map(([number, { count }]) => [hypercallName(number), count]),
      ),
    };
  }

  /** Called while the virtual CPU's registers are still in the processor. */
  private ended(end: VmEnd): void {
    this.stop = this.translate(end);
    this.interrupt();
  }

  private translate(end: VmEnd): Stop {
    switch (end.kind) {
      case 'power-off':
      case 'reset':
        return end;
      case 'exit':
        return { kind: 'debug-exit', status: end.status };
      case 'triple-fault':
      case 'entry-failure':
      case 'unhandled-exit':
      case 'out-of-memory':
        return describeVmCrash(end, this.vm.vcpus[end.vcpu]);
    }
  }
}

const hypercallName = (number: number): string =>
  Object.entries(HYPERCALL)
    .find(([, n]) => n === number)?.[0]
    .toLowerCase() ?? `unknown ${number}`;
