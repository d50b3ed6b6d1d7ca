import { useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { RegistersView } from '../../../protocol/processor-view.ts';
import { Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import widgets from '../../widgets/widgets.module.css';
import { Fields, Register } from './Register.tsx';
import css from './Registers.module.css';
import { Segments } from './Segments.tsx';
import { Structure } from './Structure.tsx';
import { System } from './System.tsx';
import { Vectors } from './Vectors.tsx';

const PAGES = ['General', 'System', 'x87, SSE', 'VMCS, VMCB'] as const;
type Page = (typeof PAGES)[number];

export function Registers({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'registers');
  const view = useView('registers');
  const [page, setPage] = useState<Page>('General');
  const bar = view && (
    <>
      <VmTag vm={view.of.vm} />
      <span>vCPU {view.of.vcpu}</span>
      <strong className={css.mode}>{view.mode}</strong>
      <Pages page={page} onChange={setPage} />
      <span className={css.legend}>
        <i className={css.mark} aria-hidden="true" /> changed since the last stop
      </span>
    </>
  );
  return (
    <Panel label="Registers" bar={bar}>
      {!view && <Missing view={view} what="registers" />}
      {view && page === 'General' && <General view={view} />}
      {view && page === 'System' && <System visible={visible} />}
      {view && page === 'x87, SSE' && <Vectors visible={visible} />}
      {view && page === 'VMCS, VMCB' && <Structure visible={visible} />}
    </Panel>
  );
}

function Pages({ page, onChange }: { readonly page: Page; readonly onChange: (page: Page) => void }) {
  return (
    <fieldset className={widgets.segmented} style={{ margin: 0, padding: 0 }}>
      <legend className="unseen">Registers shown</legend>
      {PAGES.map((one) => (
        <button key={one} type="button" aria-pressed={one === page} onClick={() => onChange(one)}>
          {one}
        </button>
      ))}
    </fieldset>
  );
}

function General({ view }: { readonly view: RegistersView }) {
  const { of, rflags } = view;
  return (
    <div className={css.groups}>
      <section
        className={css.grid}
        aria-label="General registers"
        style={{ gridTemplateRows: `repeat(${Math.ceil(view.general.length / 2)}, auto)` }}
      >
        {view.general.map((register) => (
          <Register key={register.name} of={of} register={register} />
        ))}
      </section>
      <section aria-label="Instruction pointer and flags">
        <Register of={of} register={view.rip} />
        <Register of={of} register={rflags} />
        <Fields fields={rflags.fields} toggles={{ of, register: rflags }} />
      </section>
      <section aria-label="Control registers">
        {view.control.map((register) => (
          <div key={register.name} className={css.control}>
            <Register of={of} register={register} />
            <Fields fields={register.fields} toggles={{ of, register }} />
          </div>
        ))}
      </section>
      <Segments view={view} />
    </div>
  );
}
