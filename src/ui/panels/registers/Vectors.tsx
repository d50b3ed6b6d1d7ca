import { useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { VectorsView } from '../../../protocol/vectors-view.ts';
import { asksWhoWrote } from '../../context-menu/who-wrote.ts';
import { Missing } from '../../widgets/Panel.tsx';
import widgets from '../../widgets/widgets.module.css';
import { Editable, EditableValue, setRegister } from './EditableValue.tsx';
import { LANES, type Lanes, lanesOf, numberOf, withLane } from './lanes.ts';
import { Fields, Register } from './Register.tsx';
import css from './Registers.module.css';

/** x87 stack, MMX, XMM and their control words. */
export function Vectors({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'vectors');
  const view = useView('vectors');
  if (!view) return <Missing view={view} what="registers" />;
  return (
    <div className={css.groups}>
      <Stack view={view} />
      <section aria-label="x87 control and status words">
        {[view.control, view.status].map((register) => (
          <div key={register.name} className={css.control}>
            <Register of={view.of} register={register} />
            <Fields fields={register.fields} />
          </div>
        ))}
      </section>
      <Xmm view={view} />
      <section aria-label="SSE control and status register">
        <Register of={view.of} register={view.mxcsr} />
        <Fields fields={view.mxcsr.fields} />
      </section>
    </div>
  );
}

function Stack({ view }: { readonly view: VectorsView }) {
  return (
    <table className={css.segments}>
      <caption className="unseen">
        x87 registers from the top of the stack, with the MMX registers in them
      </caption>
      <thead>
        <tr>
          <th scope="col">x87</th>
          <th scope="col">MMX</th>
          <th scope="col">sign and exponent, significand (MMX value)</th>
          <th scope="col">decimal</th>
        </tr>
      </thead>
      <tbody>
        {view.stack.map(({ name, physical, empty, raw, decimal, changed }) => (
          <tr
            key={name}
            data-register={name}
            data-changed={changed}
            {...asksWhoWrote(name, { kind: 'register', name })}
          >
            <th scope="row">{name}</th>
            <td className={css.value}>mm{physical}</td>
            <td className={css.value}>
              <EditableValue of={view.of} register={name} value={raw} digits={20} changed={changed} />
            </td>
            <td className={empty ? undefined : css.value}>{empty ? 'empty' : decimal}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Xmm({ view }: { readonly view: VectorsView }) {
  const [lanes, setLanes] = useState<Lanes>('u32x4');
  return (
    <section aria-label="XMM registers">
      <label className={css.lanes}>
        XMM registers as{' '}
        <select value={lanes} onChange={(event) => setLanes(event.target.value as Lanes)}>
          {Object.keys(LANES).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <div className={widgets.wide}>
        <table className={`${widgets.table} ${css.xmm}`}>
          <caption className="unseen">XMM registers, the highest lane first</caption>
          <thead>
            <tr>
              <th scope="col">register</th>
              {view.xmm[0] &&
                lanesOf(view.xmm[0].bytes, lanes).map(({ lane }) => (
                  <th key={lane} scope="col" className={widgets.number}>
                    {lane}
                  </th>
                ))}
            </tr>
          </thead>
          <tbody>
            {view.xmm.map(({ name, bytes, changed }) => (
              <tr
                key={name}
                data-register={name}
                data-changed={changed}
                {...asksWhoWrote(name, { kind: 'register', name })}
              >
                <th scope="row">{name}</th>
                {lanesOf(bytes, lanes).map(({ lane, value }) => (
                  <td key={lane} className={`${widgets.number} ${css.value}`}>
                    <Editable
                      name={`${name}, lane ${lane}`}
                      text={value}
                      digits={LANES[lanes].digits}
                      changed={changed}
                      valid={(typed) => withLane(bytes, lanes, lane, typed) !== undefined}
                      onCommit={(typed) => {
                        const whole = withLane(bytes, lanes, lane, typed);
                        if (whole !== undefined) setRegister(view.of, name, numberOf(whole));
                      }}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
