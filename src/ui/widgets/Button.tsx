import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import css from './widgets.module.css';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: 'primary' | 'bare';
  readonly small?: boolean;
  readonly icon?: IconName;
}

/**
 * A push button. One without text must bring an `aria-label`; its `title` names the key. While it is disabled it
 * does nothing, but keeps the focus: who uses keys would have to find the way back otherwise.
 */
export function Button({ look, small, icon, children, className, disabled, onClick, ...rest }: Props) {
  const classes = [css.button, look && css[look], small && css.small, className].filter(Boolean).join(' ');
  return (
    <button
      type="button"
      className={classes}
      aria-disabled={disabled || undefined}
      onClick={disabled ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
