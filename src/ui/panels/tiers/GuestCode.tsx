import { useRef } from 'react';
import type { RegionCodeLine } from '../../../protocol/tiers-view.ts';
import { hex } from '../../format.ts';
import { moveAmongButtons } from '../../widgets/arrow-keys.ts';
import { Operands } from '../code/Operands.tsx';
import css from './RegionDetail.module.css';

interface Props {
  readonly code: readonly RegionCodeLine[];
  /** Index of the instruction that is marked. */
  readonly marked: number | null;
  readonly onMark: (step: number | null) => void;
  readonly onChoose: (step: number) => void;
}

export function GuestCode({ code, marked, onMark, onChoose }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  return (
    <table className={css.listing}>
      <caption className="unseen">Disassembly in the order of the WebAssembly</caption>
      <thead className="unseen">
        <tr>
          <th scope="col">Address</th>
          <th scope="col">Instruction</th>
        </tr>
      </thead>
      <tbody
        ref={body}
        onKeyDown={(event) => moveAmongButtons(event, body.current)}
        onMouseLeave={() => onMark(null)}
      >
        {code.map((line, step) => {
          const [mnemonic, ...rest] = line.text.split(' ');
          return (
            <tr
              // biome-ignore lint/suspicious/noArrayIndexKey: an inlined call's instructions occur more than once
              key={step}
              data-marked={step === marked || undefined}
              onMouseEnter={() => onMark(step)}
            >
              <th scope="row">
                <button
                  type="button"
                  tabIndex={step === (marked ?? 0) ? 0 : -1}
                  title={`${line.physical ? 'host-physical; ' : ''}bytes ${bytesText(line)}`}
                  onFocus={() => onChoose(step)}
                  onClick={() => onChoose(step)}
                >
                  {addressText(line)}
                </button>
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

/** `p` marks a host-physical address. */
export const addressText = ({ address, physical }: RegionCodeLine): string =>
  `${hex(address, 8)}${physical ? ' p' : ''}`;

const bytesText = ({ bytes }: RegionCodeLine): string => Array.from(bytes, (byte) => hex(byte, 2)).join(' ');
