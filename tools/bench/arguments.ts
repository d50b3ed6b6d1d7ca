/** What `npm run bench -- ...` is asked for. */

export interface Arguments {
  /** Fewer rounds: a first look, not a result. */
  readonly quick: boolean;
  /** Texts, one of which a workload's name must contain; empty: all workloads. */
  readonly only: readonly string[];
  readonly linux: boolean;
  /** The tables as Markdown, for a document. */
  readonly markdown: boolean;
}

export const USAGE = `usage: npm run bench -- [options]
  --quick      fewer rounds: a first look, not a result
  --only TEXT  only workloads whose name contains TEXT; may be repeated
  --no-linux   without the boots of Linux
  --markdown   print the tables as Markdown`;

/** The message says what is wrong with the arguments. */
export class UsageError extends Error {}

/** Throws `UsageError`. */
export function parseArguments(argv: readonly string[]): Arguments {
  const only: string[] = [];
  const flags = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === '--only') {
      const text = argv[++i];
      if (text === undefined || text === '') throw new UsageError('--only takes a part of a name');
      only.push(text);
    } else if (['--quick', '--no-linux', '--markdown'].includes(argument)) {
      flags.add(argument);
    } else {
      throw new UsageError(`there is no option ${argument}`);
    }
  }
  return {
    quick: flags.has('--quick'),
    only,
    linux: !flags.has('--no-linux'),
    markdown: flags.has('--markdown'),
  };
}

export const isWanted = ({ only }: Arguments, name: string): boolean =>
  only.length === 0 || only.some((text) => name.toLowerCase().includes(text.toLowerCase()));
