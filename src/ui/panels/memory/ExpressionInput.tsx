import type { AddressExpression } from '../../../protocol/memory-view.ts';
import { ParsedInput } from '../../widgets/ParsedInput.tsx';
import { formatExpression, parseExpression } from './expression.ts';

interface Props {
  readonly label: string;
  readonly value: AddressExpression;
  readonly onChange: (at: AddressExpression) => void;
}

const HINT = 'hexadecimal digits or a register, with an offset if you like: ffff8000, rsp, rsp+0x40, fs:28';

/** A field for an address or a register with an offset. */
export function ExpressionInput({ label, value, onChange }: Props) {
  return (
    <ParsedInput
      label={label}
      text={formatExpression(value)}
      width={19}
      hint={HINT}
      parse={parseExpression}
      onChange={onChange}
    />
  );
}
