import type { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useRef, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { say } from '../../../client/notices.ts';
import { editorState, replaceText, showErrors, showListing } from './code-editor.ts';
import css from './Editor.module.css';
import { lineWithCode, pieceAt, piecesByLine } from './line-map.ts';
import {
  breakpointLines,
  positionOfStarted,
  setListing,
  setRunsNext,
  startedLine,
  toggleMark,
} from './marks.ts';
import { HINT } from './Outcome.tsx';
import { toggleOnMachine } from './program-actions.ts';
import { changeProgram, useProgram } from './program-store.ts';

/** The panel may be moved, which builds it anew: text history, marks and cursor stay. */
let kept: EditorState | undefined;

interface Props {
  readonly text: string;
  readonly listing: boolean;
  readonly onView: (view: EditorView | null) => void;
}

export function CodeArea({ text, listing, onView }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<EditorView | null>(null);

  useEffect(() => {
    if (host.current === null) return;
    kept ??= editorState({
      text: useProgram.getState().settings?.text ?? '',
      describedBy: HINT,
      onChange: (changed) => changeProgram({ text: changed }),
      onBreakpoint: toggleBreakpoint,
    });
    const made = new EditorView({ state: kept, parent: host.current });
    setView(made);
    onView(made);
    return () => {
      kept = made.state;
      made.destroy();
      onView(null);
    };
  }, [onView]);

  useEffect(() => {
    if (view !== null && view.state.doc.toString() !== text) replaceText(view, text);
  }, [view, text]);

  useEffect(() => {
    if (view !== null) showListing(view, listing);
  }, [view, listing]);

  useResult(view);
  useRunsNext(view);
  return <div ref={host} className={css.code} />;
}

/** Errors and addresses of the latest assembly. */
function useResult(view: EditorView | null): void {
  const result = useProgram((state) => state.result);
  useEffect(() => {
    if (view === null || result === null || view.state.doc.toString() !== result.of.text) return;
    showErrors(view, result.errors, result.of.name);
    if (result.program !== null)
      view.dispatch({ effects: setListing.of(piecesByLine(result.program.lines, result.of.name)) });
  }, [view, result]);
}

/** The line of RIP, while the machine that was started here stands still and has the focus. */
function useRunsNext(view: EditorView | null): void {
  const started = useProgram((state) => state.started);
  const code = useView('code');
  const running = useView('machine')?.running ?? false;
  const here = started !== null && !running && code?.of.vm === started.vm ? code.rip : null;
  const piece = started === null || here === null ? undefined : pieceAt(started.lines, here);
  const line = piece?.file === started?.name ? (piece?.line ?? null) : null;
  useEffect(() => {
    if (view === null) return;
    view.dispatch({ effects: setRunsNext.of(line) });
    const at = line === null ? undefined : positionOfStarted(view, line);
    if (at !== undefined) view.dispatch({ effects: EditorView.scrollIntoView(at, { yMargin: 60 }) });
  }, [view, line]);
}

/** A line without code hands its breakpoint to the next that has some. */
function toggleBreakpoint(view: EditorView, asked: number): void {
  const { result } = useProgram.getState();
  const pieces = result?.program ? piecesByLine(result.program.lines, result.of.name) : undefined;
  const line = pieces === undefined ? asked : lineWithCode(pieces, asked);
  if (line === undefined || line > view.state.doc.lines) {
    say(`No code follows line ${asked}: no breakpoint was set.`);
    return;
  }
  view.dispatch({ effects: toggleMark.of(view.state.doc.line(line).from) });
  const set = breakpointLines(view).includes(line);
  say(`Breakpoint ${set ? 'set at' : 'removed from'} line ${line}.`);
  const started = startedLine(view, line);
  if (started !== undefined) void toggleOnMachine(started);
}
