import type { EditorView } from '@codemirror/view';
import { useEffect, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { ProgramPlace } from '../../../protocol/assembly.ts';
import type { Technique } from '../../../protocol/target.ts';
import { short } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty } from '../../widgets/Panel.tsx';
import { CodeArea } from './CodeArea.tsx';
import { cursorLine, goTo } from './code-editor.ts';
import css from './Editor.module.css';
import { EditorBar } from './EditorBar.tsx';
import { Included } from './Included.tsx';
import { pieceAt } from './line-map.ts';
import { breakpointLines, follow, startedLine } from './marks.ts';
import { Outcome } from './Outcome.tsx';
import { assembleNow, loadLibrary, runToLine, start, stepLine } from './program-actions.ts';
import { useProgram } from './program-store.ts';

/** Rest after the last key before the text is assembled, in ms. */
const PAUSE = 250;

export default function EditorPanel({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'code', 'machine', 'vms', 'stops');
  const [view, setView] = useState<EditorView | null>(null);
  const settings = useProgram((state) => state.settings);
  const library = useProgram((state) => state.library);
  const reading = useProgram((state) => state.reading);
  useAssembling();

  useEffect(() => {
    if (useProgram.getState().library === null) void loadLibrary();
  }, []);

  if (settings === null) return <Empty title={library === null ? 'Loading the editor…' : 'No example'} />;
  const run = (technique: Technique) => {
    if (view === null) return;
    const onStarted = () => view.dispatch({ effects: follow.of(null) });
    void start(technique, breakpointLines(view), onStarted);
  };
  const show = (place: ProgramPlace) => {
    const isOwn = place.file === settings.name;
    useProgram.setState({ reading: isOwn ? null : place });
    if (isOwn && view !== null) whenDrawn(() => goTo(view, place));
  };
  const leave = () => {
    useProgram.setState({ reading: null });
    whenDrawn(() => view?.focus());
  };
  return (
    <section className={css.editor} aria-label="Editor">
      <EditorBar settings={settings} library={library} onRun={run} />
      <Where view={view} onGoTo={show} />
      {reading !== null && <Included place={reading} main={settings.name} onLeave={leave} />}
      <CodeArea text={settings.text} listing={settings.listing} hidden={reading !== null} onView={setView} />
      <Outcome onGoTo={show} name={settings.name} />
    </section>
  );
}

/** What is hidden takes no focus. */
const whenDrawn = (act: () => void) => void requestAnimationFrame(act);

/** Assembles a while after the last change. */
function useAssembling(): void {
  const key = useProgram(({ settings }) => settings && `${settings.format} ${settings.name}`);
  const text = useProgram(({ settings }) => settings?.text);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the action reads the text and its format itself
  useEffect(() => {
    const timer = setTimeout(() => void assembleNow(), PAUSE);
    return () => clearTimeout(timer);
  }, [key, text]);
}

interface WhereProps {
  readonly view: EditorView | null;
  readonly onGoTo: (place: ProgramPlace) => void;
}

/** Says where the started program stands, with steps by line, and whether the text is still the one that runs. */
function Where({ view, onGoTo }: WhereProps) {
  const started = useProgram((state) => state.started);
  const changed = useProgram(({ settings }) => settings?.text !== started?.text);
  const vms = useView('vms');
  const code = useView('code');
  const running = useView('machine')?.running ?? false;
  if (started === null || !vms?.some(({ id }) => id === started.vm)) return null;
  const focused = code?.of.vm === started.vm;
  const piece = focused && !running ? pieceAt(started.lines, code.rip) : undefined;
  const runToCursor = () => {
    if (view !== null) runToLine(startedLine(view, cursorLine(view)), false);
  };
  return (
    <div className={css.where}>
      {focused && !running && (
        <>
          <span>
            {piece === undefined && `RIP ${short(code.rip)} is outside this program.`}
            {piece?.file === started.name && `Next: line ${piece.line}.`}
          </span>
          {piece !== undefined && piece.file !== started.name && (
            <Button small onClick={() => onGoTo({ ...piece, column: 1 })}>
              Next: {piece.file} {piece.line}
            </Button>
          )}
          <Button small title="F10 in the text" onClick={() => stepLine(false)}>
            Step a line
          </Button>
          <Button small title="Ctrl+F10 in the text" onClick={() => stepLine(true)}>
            Step a line back
          </Button>
          <Button small title="Ctrl+Enter in the text; Ctrl+Shift+Enter runs back" onClick={runToCursor}>
            Run to the cursor
          </Button>
        </>
      )}
      {changed && (
        <span className={css.changed}>The text was changed: what runs is the text as it was started.</span>
      )}
    </div>
  );
}
