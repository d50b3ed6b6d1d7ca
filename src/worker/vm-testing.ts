/** Virtual machines with small assembly guests, for tests. */
import type { HypervisorObserver } from '../hypervisor/hypervisor.ts';
import type { Vm, VmOptions } from '../hypervisor/vm.ts';
import { loadImage } from '../machine/boot/load.ts';
import { assembleGuest, GUEST_ORIGIN } from '../machine/system-tests/run-guest.ts';
import { HostComputer, type HostComputerOptions } from './host-computer.ts';

const MIB = 0x10_0000;

/** Console output of the VMs of one lab, by VM. */
export class TestLab {
  readonly host: HostComputer;
  private readonly outputs = new Map<Vm, number[]>();

  constructor(options: Partial<HostComputerOptions> & { observer?: HypervisorObserver } = {}) {
    this.host = new HostComputer({ ramBytes: 32 * MIB, ...options });
  }

  get hypervisor() {
    return this.host.hypervisor;
  }

  /** A started VM with an assembly guest in real mode at `GUEST_ORIGIN` (see run-guest.ts). */
  vm(source: string, options: Partial<VmOptions> = {}): Vm {
    const sent: number[] = [];
    const vm = this.hypervisor.create({
      name: 'test',
      memory: 2 * MIB,
      vcpus: 1,
      acpi: false,
      startTime: 0,
      console: (byte) => void sent.push(byte),
      load: (memory, info) =>
        loadImage(
          {
            kernel: assembleGuest(source),
            commandLine: '',
            format: 'flat',
            flat: { address: GUEST_ORIGIN, mode: 'real' },
          },
          memory,
          info,
        ),
      ...options,
    });
    this.outputs.set(vm, sent);
    this.hypervisor.start(vm);
    return vm;
  }

  output(vm: Vm): string {
    return String.fromCharCode(...(this.outputs.get(vm) ?? []));
  }

  /** Lets `cycles` of host time pass. */
  run(cycles: number): void {
    const { computer } = this.host;
    const stop = computer.run(computer.now + cycles);
    if (stop.kind !== 'time' && stop.kind !== 'waiting')
      throw new Error(`the host stopped: ${JSON.stringify(stop)}`);
  }
}
