import { useMemo } from 'react';
import type { FramesView } from '../../../protocol/hypervisor-view.ts';
import { bytes } from '../../format.ts';
import css from './Frames.module.css';
import { ownerFill } from './owner-fill.ts';
import { cellOwners } from './ranges.ts';

const COLUMNS = 64;
const ROWS = 24;

/** Host memory as a grid of equal parts, row by row from address 0. */
export function FramesMap({ view }: { readonly view: FramesView }) {
  const paths = useMemo(() => {
    const cells = cellOwners(view, COLUMNS * ROWS);
    const parts = view.owners.map(() => [] as string[]);
    for (let cell = 0; cell < cells.length; cell++) {
      const owner = cells[cell] as number;
      parts[owner]?.push(`M${cell % COLUMNS} ${Math.floor(cell / COLUMNS)}h.88v.88h-.88z`);
    }
    return parts.map((part) => part.join(''));
  }, [view]);
  const says = view.owners.map(
    ({ label, vm, frames }) => `${label}${vm === null ? '' : ` VM ${vm}`} ${bytes(frames * view.frameSize)}`,
  );
  return (
    <figure className={css.map}>
      <svg viewBox={`0 0 ${COLUMNS} ${ROWS}`} role="img" aria-label={`Host memory: ${says.join(', ')}`}>
        {view.owners.map((owner, index) => (
          <path key={owner.label + owner.vm} d={paths[index]} fill={ownerFill(owner)}>
            <title>{owner.label}</title>
          </path>
        ))}
      </svg>
      <figcaption>
        one square is {bytes((view.frames / (COLUMNS * ROWS)) * view.frameSize)}, address 0 at the top left
      </figcaption>
    </figure>
  );
}
