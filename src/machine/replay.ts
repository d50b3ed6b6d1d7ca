/** Repeats a run from its start: the same computer, the same image, the same journal. */
import type { BootImage } from './boot/load.ts';
import { Computer, type ComputerOptions } from './computer.ts';
import { COMPUTER_CONSOLE, type JournalEntry } from './journal.ts';

/**
 * A computer at the instant after the last entry of the journal, in the state in which the recorded
 * run was then; `run` goes on from there.
 * @throws Error when the journal cannot have come from this computer and image
 */
export function replay(
  options: ComputerOptions,
  image: BootImage,
  journal: readonly JournalEntry[],
  acpi = true,
): Computer {
  const computer = new Computer(options);
  computer.boot(image, acpi);
  for (const [number, entry] of journal.entries()) enter(computer, entry, `journal entry ${number}`);
  return computer;
}

function enter(computer: Computer, { cycle, cpu, input }: JournalEntry, what: string): void {
  if (input.kind !== 'console' || input.target !== COMPUTER_CONSOLE) {
    throw new Error(
      `${what} is for ${input.target}: only input on ${COMPUTER_CONSOLE} can be replayed without its hypervisor`,
    );
  }
  if (computer.processors[cpu] === undefined) {
    throw new Error(`${what} entered on processor ${cpu}, which this computer does not have`);
  }
  const end = computer.runTo(cpu, cycle);
  if (end.kind !== 'time' || computer.now !== cycle) {
    const where = `cycle ${computer.now} of processor ${computer.processor.index}`;
    throw new Error(
      `${what} entered at cycle ${cycle} of processor ${cpu}, but this run is at ${where} (${end.kind})`,
    );
  }
  computer.input(input.bytes);
}
