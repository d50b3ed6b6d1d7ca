import { showAsTable, useSettings } from '../../client/settings.ts';
import css from './widgets.module.css';

export function useTable(panel: string): boolean {
  return useSettings(({ tables }) => tables[panel] ?? false);
}

/** Chooses between a panel's picture and the table that says the same. */
export function PictureOrTable({ panel }: { readonly panel: string }) {
  const table = useTable(panel);
  return (
    <fieldset className={css.segmented} style={{ margin: 0, padding: 0 }}>
      <legend className="unseen">Show {panel} as</legend>
      <button type="button" aria-pressed={!table} onClick={() => showAsTable(panel, false)}>
        Picture
      </button>
      <button type="button" aria-pressed={table} onClick={() => showAsTable(panel, true)}>
        Table
      </button>
    </fieldset>
  );
}
