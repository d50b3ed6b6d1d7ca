import { type BootImage, planImage } from '../machine/boot/load.ts';
import { Computer, type ComputerStop } from '../machine/computer.ts';
import type { Stop } from './bench.ts';
import type { ComputerCommand } from './command.ts';
import { describeCrash } from './crash.ts';

/**
 * The bare machine with a guest at its entry point, and how the image was understood. Throws `ImageError` when the
 * image cannot be booted.
 */
export function openComputer(
  { memoryBytes, cpus, virtualization, acpi, tier2 }: ComputerCommand,
  image: BootImage,
  serialOutput: (byte: number) => void,
): { readonly computer: Computer; readonly protocol: string } {
  // Before any memory is allocated: a bad image costs nothing.
  const { protocol } = planImage(image, memoryBytes, { cpus, acpi });
  const computer = new Computer({
    ramBytes: memoryBytes,
    cpus,
    ...(virtualization ? { virtualization } : {}),
    ...(tier2 ? { tier2 } : {}),
    serialOutput,
  });
  computer.boot(image, acpi);
  return { computer, protocol };
}

/** Why a computer without breakpoints came back from a run. */
export function benchStop(computer: Computer, stop: ComputerStop): Stop {
  switch (stop.kind) {
    case 'time':
    case 'paused':
      return { kind: 'budget' };
    case 'waiting':
      return { kind: 'halted' };
    case 'exit':
      return { kind: 'debug-exit', status: stop.status };
    case 'crash':
      return describeCrash(stop.cpu, stop.reason, computer.processors[stop.cpu].regs);
    case 'power-off':
    case 'reset':
      return stop;
    case 'breakpoint':
      throw new Error('a breakpoint was hit, and none was set');
  }
}
