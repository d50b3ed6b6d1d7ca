import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { HiddenSegment } from '../../../protocol/system-view.ts';
import { asksWhoWrote } from '../../context-menu/who-wrote.ts';
import { hex, short } from '../../format.ts';
import { Missing } from '../../widgets/Panel.tsx';
import { Fields, Register } from './Register.tsx';
import css from './Registers.module.css';

/** Segments down to the bits of their hidden parts, debug registers, MSRs. */
export function System({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'system');
  const view = useView('system');
  if (!view) return <Missing view={view} what="registers" />;
  const { of } = view;
  return (
    <div className={css.groups}>
      <section aria-labelledby="registers-msrs">
        <h2 id="registers-msrs" className={css.heading}>
          Model-specific registers
        </h2>
        {view.msrs.map((msr) => (
          <div key={msr.name} className={css.control}>
            <Register of={of} register={msr} title={`MSR ${short(msr.index)}`} />
            <p className={css.meaning}>{msr.meaning}</p>
            <Meanings fields={msr.fields} />
          </div>
        ))}
      </section>
      <section aria-labelledby="registers-debug">
        <h2 id="registers-debug" className={css.heading}>
          Debug registers
        </h2>
        {view.debug.map((register) => (
          <div key={register.name} className={css.control}>
            <Register of={of} register={register} />
            <Fields fields={register.fields} />
          </div>
        ))}
      </section>
      <section aria-labelledby="registers-hidden">
        <h2 id="registers-hidden" className={css.heading}>
          Segment registers, selector and hidden part
        </h2>
        {view.segments.map((segment) => (
          <Hidden key={segment.name} segment={segment} />
        ))}
      </section>
    </div>
  );
}

function Hidden({ segment }: { readonly segment: HiddenSegment }) {
  const { name, selector, base, limit, attributes, changed } = segment;
  return (
    <div className={css.control} {...asksWhoWrote(name, { kind: 'register', name })}>
      <div className={css.register} data-changed={changed}>
        <span className={css.name}>{name}</span>
        <span className={css.value}>
          {hex(selector, 4)} base {hex(base, 8)} limit {hex(limit, 5)} rights {hex(attributes, 5)}
          {changed && <span className="unseen">, changed</span>}
        </span>
      </div>
      <Fields fields={[...segment.selectorFields, ...segment.fields]} />
    </div>
  );
}

/** Fields that say what they mean instead of being lamps. */
function Meanings({ fields }: { readonly fields: HiddenSegment['fields'] }) {
  if (fields.length === 0) return null;
  return (
    <ul className={css.fields}>
      {fields.map(({ name, high, low, meaning }) => (
        <li key={name} className={css.field} title={high > low ? `bits ${high}:${low}` : `bit ${low}`}>
          {name}: {meaning}
        </li>
      ))}
    </ul>
  );
}
