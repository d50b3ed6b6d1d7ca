import type { CSSProperties } from 'react';
import { machineTag, type VmId } from '../../protocol/target.ts';
import css from './widgets.module.css';

const COLOURS = 6;

/** The colour of a machine; its number always stands beside or within, so colour is never alone. */
export function vmColour(vm: VmId): string {
  return `var(--vm-${((vm - 1) % COLOURS) + 1})`;
}

export function VmTag({ vm }: { readonly vm: VmId }) {
  return (
    <span className={css.tag} style={{ '--tag': vmColour(vm) } as CSSProperties}>
      {machineTag(vm)}
    </span>
  );
}
