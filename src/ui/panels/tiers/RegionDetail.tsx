import { type ReactNode, type Ref, useEffect, useMemo, useRef, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import type { RegionView } from '../../../protocol/tiers-view.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty } from '../../widgets/Panel.tsx';
import { GuestCode } from './GuestCode.tsx';
import css from './RegionDetail.module.css';
import { WasmText } from './WasmText.tsx';
import { wasmGroups } from './wasm-groups.ts';

/** A region's guest code beside its WebAssembly. */
export function RegionDetail({ id, onClose }: { readonly id: number; readonly onClose: () => void }) {
  const view = useView('region');
  const section = useRef<HTMLElement>(null);
  const shown = view?.id === id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls when another region comes, not on every snapshot
  useEffect(() => {
    // In newer browsers this returns a promise, which must not become the effect's clean-up.
    void section.current?.scrollIntoView({ block: 'nearest' });
  }, [id, shown]);
  return (
    <section ref={section} className={css.detail} aria-label="Selected region">
      <Button small className={css.close} icon="destroy" onClick={onClose} aria-label="Close the region" />
      {view === null ? (
        <Empty title="This region is gone">
          Its code was written to, the cache needed room, or the second tier was turned off.
        </Empty>
      ) : view?.id !== id ? (
        <Empty title="Reading the region…" />
      ) : (
        <SideBySide key={id} view={view} />
      )}
    </section>
  );
}

/** The instruction that is pointed at is marked on both sides; choosing one shows what it became. */
function SideBySide({ view }: { readonly view: RegionView }) {
  const [marked, setMarked] = useState<number | null>(null);
  const groups = useMemo(() => wasmGroups(view.wasm), [view.wasm]);
  const wasm = useRef<HTMLElement>(null);
  const show = (step: number) => {
    setMarked(step);
    const pane = wasm.current;
    const group = pane?.querySelector<HTMLElement>(`[data-step="${step}"]`);
    if (pane && group) pane.scrollTop = group.offsetTop - pane.offsetTop;
  };
  return (
    <>
      <Pane title="Guest code">
        <GuestCode code={view.code} marked={marked} onMark={setMarked} onChoose={show} />
      </Pane>
      <Pane title="WebAssembly" ref={wasm}>
        <WasmText groups={groups} code={view.code} leftOut={view.wasmLeftOut} marked={marked} />
      </Pane>
    </>
  );
}

interface PaneProps {
  readonly title: string;
  readonly ref?: Ref<HTMLElement>;
  readonly children: ReactNode;
}

function Pane({ title, ref, children }: PaneProps) {
  return (
    <div className={css.pane}>
      <h2>{title}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section ref={ref} tabIndex={0} aria-label={title}>
        {children}
      </section>
    </div>
  );
}
