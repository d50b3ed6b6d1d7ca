import type { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useRef, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { say } from '../../../client/notices.ts';
import { editorState, replaceText, showErrors, showListing } from './code-editor.ts';
import css from './Editor.module.css';
import { lineWithCode, pieceAt, piecesByLine, stopsByLine } from './line-map.ts';
import {
  breakpointLines,
  positionOfStarted,
  setListing,
  setRunsNext,
  setStops,
  startedLine,
  toggleMark,
} from './marks.ts';
import { HINT } from './Outcome.tsx';
import { runToLine, stepLine, toggleStop } from './program-actions.ts';
import { changeProgram, useProgram } from './program-store.ts';

/** The panel may be moved, which builds it anew: text history, marks and cursor stay. */
let kept: EditorState | undefined;

interface Props {
  readonly text: string;
  readonly listing: boolean;
  /** Another file is shown. */
  readonly hidden: boolean;
  readonly onView: (view: EditorView | null) => void;
}

export function CodeArea({ text, listing, hidden, onView }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<EditorView | null>(null);

  useEffect(() => {
    if (host.current === null) return;
    kept ??= editorState({
      text: useProgram.getState().settings?.text ?? '',
      describedBy: HINT,
      onChange: (changed) => changeProgram({ text: changed }),
      onBreakpoint: (on, line) => void toggleBreakpoint(on, line),
      keys: {
        runTo: (on, line, backwards) => runToLine(startedLine(on, line), backwards),
        step: stepLine,
      },
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
  useStops(view);
  return <div ref={host} className={css.code} hidden={hidden} />;
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

/** The gutter follows the list of stops while the machine that was started here is there. */
function useStops(view: EditorView | null): void {
  const started = useProgram((state) => state.started);
  const stops = useView('stops');
  const isThere = useView('vms')?.some(({ id }) => id === started?.vm) ?? false;
  useEffect(() => {
    if (view === null || started === null || !stops || !isThere) return;
    const lines = [...stopsByLine(stops, started)].map(
      ([line, set]) => [line, set.some(({ enabled }) => enabled)] as const,
    );
    view.dispatch({ effects: setStops.of(new Map(lines)) });
  }, [view, started, stops, isThere]);
}

/** A line without code hands its breakpoint to the next that has some. */
async function toggleBreakpoint(view: EditorView, asked: number): Promise<void> {
  const { result } = useProgram.getState();
  const pieces = result?.program ? piecesByLine(result.program.lines, result.of.name) : undefined;
  const line = pieces === undefined ? asked : lineWithCode(pieces, asked);
  if (line === undefined || line > view.state.doc.lines) {
    say(`No code follows line ${asked}: no breakpoint was set.`);
    return;
  }
  const started = startedLine(view, line);
  let set = started === undefined ? undefined : await toggleStop(started);
  if (set === undefined) {
    view.dispatch({ effects: toggleMark.of(view.state.doc.line(line).from) });
    set = breakpointLines(view).includes(line);
  }
  say(`Breakpoint ${set ? 'set at' : 'removed from'} line ${line}.`);
}
