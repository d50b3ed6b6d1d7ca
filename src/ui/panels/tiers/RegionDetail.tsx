import { type ReactNode, useEffect, useRef } from 'react';
import { useView } from '../../../client/lab-store.ts';
import type { RegionCodeLine, WasmTextLine } from '../../../protocol/tiers-view.ts';
import { count, hex } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty } from '../../widgets/Panel.tsx';
import { Operands } from '../code/Operands.tsx';
import css from './Tiers.module.css';

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
        <>
          <Pane title="Guest code">
            <GuestCode code={view.code} />
          </Pane>
          <Pane title="WebAssembly">
            <WasmText lines={view.wasm} leftOut={view.wasmLeftOut} />
          </Pane>
        </>
      )}
    </section>
  );
}

function Pane({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div className={css.pane}>
      <h2>{title}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section tabIndex={0} aria-label={title}>
        {children}
      </section>
    </div>
  );
}

function GuestCode({ code }: { readonly code: readonly RegionCodeLine[] }) {
  return (
    <table className={css.listing}>
      <caption className="unseen">Disassembly in the order of the WebAssembly</caption>
      <thead className="unseen">
        <tr>
          <th scope="col">Address</th>
          <th scope="col">Instruction</th>
        </tr>
      </thead>
      <tbody>
        {code.map(({ address, physical, bytes, text }, index) => {
          const [mnemonic, ...rest] = text.split(' ');
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: an inlined call's instructions occur more than once
            <tr key={index}>
              <th
                scope="row"
                title={`${physical ? 'host-physical; ' : ''}bytes ${Array.from(bytes, (byte) => hex(byte, 2)).join(' ')}`}
              >
                {hex(address, 8)}
                {physical && ' p'}
              </th>
              <td>
                <span className={css.mnemonic}>{mnemonic}</span> <Operands text={rest.join(' ')} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function WasmText({ lines, leftOut }: { readonly lines: readonly WasmTextLine[]; readonly leftOut: number }) {
  return (
    <pre className={css.wasm}>
      {lines.map(({ depth, text }) => '  '.repeat(depth) + text).join('\n')}
      {leftOut > 0 && `\n;; and ${count(leftOut)} more lines`}
    </pre>
  );
}
