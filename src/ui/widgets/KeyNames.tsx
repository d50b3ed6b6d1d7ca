import css from './widgets.module.css';

/** Keys that all do the same, as `KeyboardEvent.key` has them. */
export function KeyNames({ keys }: { readonly keys: readonly string[] }) {
  return (
    <>
      {keys.map((key, index) => (
        <span key={key}>
          {index > 0 && ' '}
          <kbd className={css.key}>{/^[a-z]$/.test(key) ? key.toUpperCase() : key}</kbd>
        </span>
      ))}
    </>
  );
}
