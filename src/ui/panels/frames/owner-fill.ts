import type { FrameOwner } from '../../../protocol/hypervisor-view.ts';
import { vmColour } from '../../widgets/VmTag.tsx';

/** A guest's memory has its machine's colour, the tables that map it a lighter one. */
export function ownerFill({ use, vm }: FrameOwner): string {
  if (use === 'guest' && vm !== null) return vmColour(vm);
  if (use === 'page-tables' && vm !== null)
    return `color-mix(in srgb, ${vmColour(vm)} 45%, var(--use-page-tables))`;
  return `var(--use-${use})`;
}
