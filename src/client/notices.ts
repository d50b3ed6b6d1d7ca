import { create } from 'zustand';
import type { CommandError } from '../protocol/commands.ts';

export interface Notice {
  readonly id: number;
  readonly error: CommandError;
}

interface Notices {
  readonly list: readonly Notice[];
  /** The latest change in one sentence, for the live region. */
  readonly sentence: string;
}

/** Errors shown until dismissed, and what a screen reader is told. */
export const useNotices = create<Notices>(() => ({ list: [], sentence: '' }));

let next = 1;

export function report(error: CommandError): void {
  const notice = { id: next++, error };
  useNotices.setState(({ list }) => ({ list: [...list.slice(-2), notice] }));
}

export function dismiss(id: number): void {
  useNotices.setState(({ list }) => ({ list: list.filter((notice) => notice.id !== id) }));
}

export function say(sentence: string): void {
  useNotices.setState({ sentence });
}
