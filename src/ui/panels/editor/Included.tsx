import { EditorView } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import type { ProgramPlace } from '../../../protocol/assembly.ts';
import { Button } from '../../widgets/Button.tsx';
import { goTo, readerState } from './code-editor.ts';
import css from './Editor.module.css';
import { useProgram } from './program-store.ts';

interface Props {
  readonly place: ProgramPlace;
  /** Name of the program that includes it. */
  readonly main: string;
  readonly onLeave: () => void;
}

/** A file that the program includes, to be read, at a line. */
export function Included({ place, main, onLeave }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const text = useProgram(({ library }) => library?.includes[place.file]);
  const leave = useRef(onLeave);
  leave.current = onLeave;

  useEffect(() => {
    if (host.current === null || text === undefined) return;
    const state = readerState(text, `${place.file}, read only`, () => leave.current());
    const view = new EditorView({ state, parent: host.current });
    goTo(view, place);
    return () => view.destroy();
  }, [text, place]);

  return (
    <>
      <div className={css.where}>
        <span>
          <strong>{place.file}</strong>, to be read only
        </span>
        <Button small title="Esc" onClick={onLeave}>
          Back to {main}
        </Button>
      </div>
      <div ref={host} className={css.code} />
    </>
  );
}
