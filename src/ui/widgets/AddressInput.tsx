import { parseAddress, short } from '../format.ts';
import { ParsedInput } from './ParsedInput.tsx';

interface Props {
  readonly label: string;
  readonly value: bigint | null;
  readonly placeholder: string;
  /** Null: the field was emptied. */
  readonly onChange: (address: bigint | null) => void;
}

const HINT = 'up to 16 hexadecimal digits, for example ffff8000`00100000 or 0x1000';

/** A field for a hexadecimal address, or none. */
export function AddressInput({ label, value, placeholder, onChange }: Props) {
  return (
    <ParsedInput
      label={label}
      text={value === null ? '' : short(value)}
      width={21}
      placeholder={placeholder}
      hint={HINT}
      parse={(text) => (text.trim() === '' ? null : parseAddress(text))}
      onChange={onChange}
    />
  );
}
