import type { TiersView } from '../../../protocol/tiers-view.ts';
import { bytes, count } from '../../format.ts';
import css from './Tiers.module.css';

/** The code cache: what it holds, the most it takes, and what was thrown out. */
export function Cache({ view }: { readonly view: TiersView }) {
  const { cache } = view;
  return (
    <dl className={css.facts}>
      <Fill name="code cache" value={cache.bytes} most={cache.maxBytes} text={bytes} />
      <Fill name="modules" value={cache.modules} most={cache.maxModules} text={count} />
      <Fact name="regions now">{count(cache.regions)}</Fact>
      <Fact name="compiled in all">{count(view.compiled)}</Fact>
      <Fact name="generation">{count(cache.generation)}</Fact>
      <Fact name="generations evicted">
        {count(view.evictions)}
        {view.evictions > 0 && `, ${count(view.evicted)} regions`}
      </Fact>
      <Fact name="regions dropped, code written">{count(view.dropped)}</Fact>
      <Fact name="pages that keep changing">{count(view.unstablePages)}</Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface FillProps {
  readonly name: string;
  readonly value: number;
  /** 0: there is no limit. */
  readonly most: number;
  readonly text: (value: number) => string;
}

function Fill({ name, value, most, text }: FillProps) {
  return (
    <Fact name={name}>
      {text(value)}
      {most > 0 && (
        <>
          {' of '}
          {text(most)}
          <span className={css.fill}>
            <span className={css.level} style={{ inlineSize: `${Math.min(1, value / most) * 100}%` }} />
          </span>
        </>
      )}
    </Fact>
  );
}
