import type { ReactNode } from 'react';
import css from './widgets.module.css';

/** The frame that all panels share: an optional bar above, and a body that scrolls. */
export function Panel({ bar, label, children }: { bar?: ReactNode; label: string; children: ReactNode }) {
  return (
    <section className={css.panel} aria-label={label}>
      {bar && <div className={css.bar}>{bar}</div>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section className={css.body} tabIndex={0} aria-label={`${label}, contents`}>
        {children}
      </section>
    </section>
  );
}

/** What a panel says when it has nothing to show, and what would change that. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <strong>{title}</strong>
      {children && <span>{children}</span>}
    </div>
  );
}

/** The state before anything is known, and when there is nothing. */
export function Missing({ view, what }: { readonly view: null | undefined; readonly what: string }) {
  if (view === undefined) return <Empty title="Reading the machine…" />;
  return <Empty title={`No ${what}`}>Choose a virtual CPU in the list of machines, or open a kernel.</Empty>;
}
