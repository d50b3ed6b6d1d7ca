/** CodeMirror put together for assembly. */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands';
import { bracketMatching, indentUnit } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { ProgramError } from '../../../protocol/assembly.ts';
import { listingGutter, marks, onBreakpoint } from './marks.ts';
import { nasm } from './nasm-language.ts';
import { style } from './style.ts';

/** Columns of a tab stop: mnemonics stand at the first. */
const TAB = 8;

const listing = new Compartment();

/** With a selection over lines the lines move, else blanks lead to the next tab stop. */
function tab(view: EditorView): boolean {
  const { state } = view;
  const { main } = state.selection;
  const line = state.doc.lineAt(main.head);
  if (!main.empty && main.anchor !== main.head && state.doc.lineAt(main.anchor).number !== line.number)
    return indentMore(view);
  const blanks = TAB - ((main.from - state.doc.lineAt(main.from).from) % TAB);
  view.dispatch(state.replaceSelection(' '.repeat(blanks)), { scrollIntoView: true, userEvent: 'input' });
  return true;
}

function breakpointAtCursor(view: EditorView): boolean {
  const { number } = view.state.doc.lineAt(view.state.selection.main.head);
  for (const toggle of view.state.facet(onBreakpoint)) toggle(view, number);
  return true;
}

export interface CodeEditorOptions {
  readonly text: string;
  /** Id of the element that tells how to leave the editor by keyboard. */
  readonly describedBy: string;
  readonly onChange: (text: string) => void;
  readonly onBreakpoint: (view: EditorView, line: number) => void;
}

export function editorState(options: CodeEditorOptions): EditorState {
  return EditorState.create({
    doc: options.text,
    extensions: [
      marks,
      lineNumbers(),
      listing.of([]),
      history(),
      drawSelection(),
      bracketMatching(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      search({ top: true }),
      nasm,
      style,
      indentUnit.of(' '.repeat(TAB)),
      EditorState.tabSize.of(TAB),
      keymap.of([
        { key: 'F9', run: breakpointAtCursor },
        { key: 'Tab', run: tab, shift: indentLess },
        ...searchKeymap,
        ...historyKeymap,
        ...defaultKeymap,
      ]),
      EditorView.contentAttributes.of({
        'aria-label': 'Assembly source',
        'aria-describedby': options.describedBy,
        'data-own-keys': 'F9',
        tabindex: '0',
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) options.onChange(update.state.doc.toString());
      }),
      onBreakpoint.of(options.onBreakpoint),
    ],
  });
}

export function showListing(view: EditorView, shown: boolean): void {
  view.dispatch({ effects: listing.reconfigure(shown ? listingGutter : []) });
}

export function replaceText(view: EditorView, text: string): void {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 } });
}

/** Column 1 is the start of the line; what lies outside is moved to the nearest place. */
function offsetOf(doc: Text, { line, column }: Pick<ProgramError, 'line' | 'column'>): number {
  const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(from + column - 1, to);
}

/** Marks each error from its column to the end of the word. Those of included files have no place here. */
export function showErrors(view: EditorView, errors: readonly ProgramError[], file: string): void {
  const { doc } = view.state;
  const diagnostics = errors
    .filter((error) => error.file === file)
    .map((error): Diagnostic => {
      const from = offsetOf(doc, error);
      const word = /^[\w.$%]+|^./.exec(doc.sliceString(from, doc.lineAt(from).to))?.[0] ?? '';
      return { from, to: from + word.length, severity: 'error', message: error.message };
    })
    .sort((a, b) => a.from - b.from);
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

export function goTo(view: EditorView, error: ProgramError): void {
  const at = offsetOf(view.state.doc, error);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
  view.focus();
}
