import type { EditorView } from '@codemirror/view';
import { useEffect, useState } from 'react';
import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { Technique } from '../../../protocol/target.ts';
import { short } from '../../format.ts';
import { Empty } from '../../widgets/Panel.tsx';
import { CodeArea } from './CodeArea.tsx';
import { goTo } from './code-editor.ts';
import css from './Editor.module.css';
import { EditorBar } from './EditorBar.tsx';
import { pieceAt } from './line-map.ts';
import { breakpointLines, follow } from './marks.ts';
import { Outcome } from './Outcome.tsx';
import { assembleNow, loadLibrary, start } from './program-actions.ts';
import { useProgram } from './program-store.ts';

/** Rest after the last key before the text is assembled, in ms. */
const PAUSE = 250;

export default function EditorPanel({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'code', 'machine', 'vms');
  const [view, setView] = useState<EditorView | null>(null);
  const settings = useProgram((state) => state.settings);
  const library = useProgram((state) => state.library);
  useAssembling();

  useEffect(() => {
    if (useProgram.getState().library === null) void loadLibrary();
  }, []);

  if (settings === null) return <Empty title={library === null ? 'Loading the editor…' : 'No example'} />;
  const run = (technique: Technique) => {
    if (view === null) return;
    view.dispatch({ effects: follow.of(null) });
    void start(technique, breakpointLines(view));
  };
  return (
    <section className={css.editor} aria-label="Editor">
      <EditorBar settings={settings} library={library} onRun={run} />
      <Where />
      <CodeArea text={settings.text} listing={settings.listing} onView={setView} />
      <Outcome onGoTo={(error) => view && goTo(view, error)} name={settings.name} />
    </section>
  );
}

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

/** Says where the started program stands, and whether the text is still the one that runs. */
function Where() {
  const started = useProgram((state) => state.started);
  const changed = useProgram(({ settings }) => settings?.text !== started?.text);
  const vms = useView('vms');
  const code = useView('code');
  const running = useView('machine')?.running ?? false;
  if (started === null || !vms?.some(({ id }) => id === started.vm)) return null;
  const focused = code?.of.vm === started.vm;
  const piece = focused && !running ? pieceAt(started.lines, code.rip) : undefined;
  const place = piece && `${piece.file === started.name ? 'line' : piece.file} ${piece.line}`;
  return (
    <p className={css.where}>
      {focused && !running && (place ? `Next: ${place}.` : `RIP ${short(code.rip)} is outside this program.`)}
      {changed && (
        <span className={css.changed}> The text was changed: what runs is the text as it was started.</span>
      )}
    </p>
  );
}
