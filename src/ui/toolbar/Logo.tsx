import css from './Toolbar.module.css';

export function Logo() {
  return (
    <svg className={css.logo} viewBox="0 0 32 32" fill="none" strokeWidth="2.5" aria-hidden="true">
      <circle cx="16" cy="16" r="13.5" stroke="var(--ring-3)" />
      <circle cx="16" cy="16" r="8.5" stroke="var(--ring-0)" />
      <circle cx="16" cy="16" r="3.5" fill="var(--ring-root)" />
      <circle cx="25.5" cy="6.5" r="3.6" fill="var(--vm-2)" stroke="var(--paper)" strokeWidth="1.5" />
    </svg>
  );
}
