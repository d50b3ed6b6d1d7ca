import type { CommandError } from '../protocol/commands.ts';

/** Thrown when a command cannot be obeyed; reaches the user word by word. */
export class Refusal extends Error implements CommandError {
  readonly what: string;
  readonly where: string | null;
  readonly remedy: string | null;

  constructor(what: string, where: string | null = null, remedy: string | null = null) {
    super(where === null ? what : `${where}: ${what}`);
    this.what = what;
    this.where = where;
    this.remedy = remedy;
  }
}

/** The error as data. Anything that is not a `Refusal` is a defect and says so. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof Refusal) return { what: error.what, where: error.where, remedy: error.remedy };
  const text = error instanceof Error ? error.message : String(error);
  return {
    what: text,
    where: 'internal error',
    remedy: 'Please report this; reloading the page starts anew.',
  };
}
