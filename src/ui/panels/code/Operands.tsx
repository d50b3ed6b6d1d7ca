import css from './Code.module.css';

/** Numbers (0x.., 12h, 3) and names stand apart; brackets and signs are left as they are. */
const PARTS = /(0x[0-9a-f]+|\b[0-9][0-9a-f]*h?\b)/i;

export function Operands({ text }: { readonly text: string }) {
  return text.split(PARTS).map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one immutable line
      <span key={index} className={css.number}>
        {part}
      </span>
    ) : (
      part
    ),
  );
}
