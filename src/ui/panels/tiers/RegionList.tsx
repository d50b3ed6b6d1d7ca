import { useRef } from 'react';
import type { RegionRow } from '../../../protocol/tiers-view.ts';
import { bytes, count, hex, short } from '../../format.ts';
import { moveAmongButtons } from '../../widgets/arrow-keys.ts';
import widgets from '../../widgets/widgets.module.css';
import css from './Tiers.module.css';

interface Props {
  readonly regions: readonly RegionRow[];
  /** Regions there are, shown or not. */
  readonly all: number;
  readonly selected: number | null;
  readonly onSelect: (id: number) => void;
}

/** Regions, most entered first. One stop for the Tab key; the arrow keys go up and down. */
export function RegionList({ regions, all, selected, onSelect }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const stop = regions.some(({ id }) => id === selected) ? selected : regions[0]?.id;
  return (
    <section className={css.regions} aria-label="Regions">
      <table className={widgets.table}>
        <caption className="unseen">Regions, most entered first</caption>
        <thead>
          <tr>
            <th scope="col">guest code at</th>
            <th scope="col" className={widgets.number}>
              entries
            </th>
            <th scope="col" className={widgets.number}>
              instructions
            </th>
            <th scope="col" className={widgets.number}>
              bytes
            </th>
            <th scope="col" className={widgets.number}>
              Wasm
            </th>
            <th scope="col" className={widgets.number}>
              module
            </th>
            <th scope="col" className={widgets.number}>
              gen.
            </th>
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={(event) => moveAmongButtons(event, body.current)}>
          {regions.map((region) => (
            <tr key={region.id} aria-current={region.id === selected || undefined} className={css.region}>
              <th scope="row">
                <button
                  type="button"
                  aria-pressed={region.id === selected}
                  tabIndex={region.id === stop ? 0 : -1}
                  title={`${region.bitness}-bit code, host-physical ${short(region.physical)}`}
                  onClick={() => onSelect(region.id)}
                >
                  {hex(region.address, region.bitness === 64 ? 16 : 8)}
                </button>
              </th>
              <td className={widgets.number}>{count(region.entries)}</td>
              <td className={widgets.number}>{count(region.instructions)}</td>
              <td className={widgets.number}>{count(region.bytes)}</td>
              <td className={widgets.number}>{bytes(region.wasmBytes)}</td>
              <td className={widgets.number}>{region.module}</td>
              <td className={widgets.number}>{region.generation}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {regions.length === 0 && <p className={css.more}>No code is compiled now.</p>}
      {all > regions.length && (
        <p className={css.more}>and {count(all - regions.length)} regions entered less often</p>
      )}
    </section>
  );
}
