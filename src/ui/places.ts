import { create } from 'zustand';
import { setWatchParameters } from '../client/watch.ts';

interface Places {
  /** First linear address of the disassembly; null follows RIP. */
  readonly code: bigint | null;
}

/** Where panels look that others can send somewhere. */
export const usePlaces = create<Places>(() => ({ code: null }));

export function showCode(code: bigint | null): void {
  usePlaces.setState({ code });
  setWatchParameters({ codeAddress: code });
}
