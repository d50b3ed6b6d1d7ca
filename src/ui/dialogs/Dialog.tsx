import { type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from '../widgets/Button.tsx';
import css from './Dialog.module.css';

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A modal dialog on the platform's own element: focus stays inside, Escape closes. */
export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} className={css.dialog} aria-labelledby={id} onCancel={onClose}>
      <header className={css.head}>
        <h2 id={id}>{title}</h2>
        <Button look="bare" small icon="destroy" aria-label="Close" onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}
