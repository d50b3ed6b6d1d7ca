import type { RegionCodeLine } from '../../../protocol/tiers-view.ts';
import { count } from '../../format.ts';
import { addressText } from './GuestCode.tsx';
import css from './RegionDetail.module.css';
import type { WasmGroup } from './wasm-groups.ts';

interface Props {
  readonly groups: readonly WasmGroup[];
  readonly code: readonly RegionCodeLine[];
  /** Lines that are not shown. */
  readonly leftOut: number;
  /** Index of the guest instruction that is marked. */
  readonly marked: number | null;
}

/** WebAssembly with the guest instructions as comments where their code begins. */
export function WasmText({ groups, code, leftOut, marked }: Props) {
  return (
    <pre className={css.wasm}>
      {groups.map(({ step, depth, text }, index) => {
        const line = step === null ? undefined : code[step];
        return (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: the groups of one immutable text
            key={index}
            data-step={step}
            data-marked={(step !== null && step === marked) || undefined}
          >
            {line && (
              <span className={css.comment}>
                {'  '.repeat(depth)};; {addressText(line)} {line.text}
                {'\n'}
              </span>
            )}
            {text}
            {'\n'}
          </span>
        );
      })}
      {leftOut > 0 && `;; and ${count(leftOut)} more lines\n`}
    </pre>
  );
}
