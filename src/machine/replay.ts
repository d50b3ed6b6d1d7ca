/** Repeats a run from its start: the same computer, the same image, the same journal. */
import type { BootImage } from './boot/load.ts';
import { Computer, type ComputerOptions, JournalError } from './computer.ts';
import type { JournalEntry } from './journal.ts';

/**
 * A computer at the instant after the last entry of the journal, in the state in which the recorded
 * run was then; `run` goes on from there.
 * @throws JournalError when the journal cannot have come from this computer and image
 */
export function replay(
  options: ComputerOptions,
  image: BootImage,
  journal: readonly JournalEntry[],
  acpi = true,
): Computer {
  const computer = new Computer(options);
  computer.boot(image, acpi);
  computer.journal.load(journal);
  for (const { position } of journal) {
    const end = computer.runTo(position);
    if (computer.position === position && computer.enterNext()) continue;
    throw new JournalError(
      `an input entered at position ${position}, but this run is at ${computer.position} (${end.kind})`,
    );
  }
  return computer;
}
