/** CodeMirror put together for assembly. */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands';
import { bracketMatching, indentUnit } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Text } from '@codemirror/state';
import {
  type Command,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  type KeyBinding,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { ProgramError, ProgramPlace } from '../../../protocol/assembly.ts';
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

/** Line of the cursor, from 1. */
export const cursorLine = ({ state }: EditorView): number =>
  state.doc.lineAt(state.selection.main.head).number;

const atCursor =
  (act: (view: EditorView, line: number) => void): Command =>
  (view) => {
    act(view, cursorLine(view));
    return true;
  };

/** What the keys of a debugger do, for the line with the cursor. */
export interface DebuggerKeys {
  readonly runTo: (view: EditorView, line: number, backwards: boolean) => void;
  readonly step: (backwards: boolean) => void;
}

function toggleBreakpoint(view: EditorView, line: number): void {
  for (const toggle of view.state.facet(onBreakpoint)) toggle(view, line);
}

function debuggerKeys({ runTo, step }: DebuggerKeys): readonly KeyBinding[] {
  const stepping = (backwards: boolean) => () => {
    step(backwards);
    return true;
  };
  return [
    { key: 'F9', run: atCursor(toggleBreakpoint) },
    { key: 'F10', run: stepping(false) },
    { key: 'Ctrl-F10', run: stepping(true) },
    { key: 'Ctrl-Enter', run: atCursor((view, line) => runTo(view, line, false)) },
    { key: 'Ctrl-Shift-Enter', run: atCursor((view, line) => runTo(view, line, true)) },
  ];
}

/** How every source is shown, also one that is only read. */
const LOOK = [
  lineNumbers(),
  drawSelection(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  search({ top: true }),
  nasm,
  style,
  EditorState.tabSize.of(TAB),
];

/** A file that is only read. `leave` is what Escape does. */
export function readerState(text: string, label: string, leave: () => void): EditorState {
  const onEscape = () => {
    leave();
    return true;
  };
  return EditorState.create({
    doc: text,
    extensions: [
      LOOK,
      EditorState.readOnly.of(true),
      keymap.of([{ key: 'Escape', run: onEscape }, ...searchKeymap, ...defaultKeymap]),
      EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
    ],
  });
}

export interface CodeEditorOptions {
  readonly text: string;
  /** Id of the element that tells how to leave the editor by keyboard. */
  readonly describedBy: string;
  readonly onChange: (text: string) => void;
  readonly onBreakpoint: (view: EditorView, line: number) => void;
  readonly keys: DebuggerKeys;
}

export function editorState(options: CodeEditorOptions): EditorState {
  return EditorState.create({
    doc: options.text,
    extensions: [
      marks,
      LOOK,
      listing.of([]),
      history(),
      bracketMatching(),
      indentUnit.of(' '.repeat(TAB)),
      keymap.of([
        ...debuggerKeys(options.keys),
        { key: 'Tab', run: tab, shift: indentLess },
        ...searchKeymap,
        ...historyKeymap,
        ...defaultKeymap,
      ]),
      EditorView.contentAttributes.of({
        'aria-label': 'Assembly source',
        'aria-describedby': options.describedBy,
        'data-own-keys': 'F9 F10 Ctrl+F10',
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
function offsetOf(doc: Text, { line, column }: Omit<ProgramPlace, 'file'>): number {
  const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(from + column - 1, to);
}

/** The place of an error in a file: its own, or that of the line that includes the file where it is. */
const placeIn = (file: string, error: ProgramError): ProgramPlace | undefined =>
  [error, ...error.context].find((place) => place.file === file);

/** What an error's mark says: its place and how it came there, as far as the mark is not the place. */
function wording(error: ProgramError, file: string): string {
  const { message, context } = error;
  const elsewhere = error.file === file ? '' : `${error.file}:${error.line}: `;
  const inner = context.at(-1);
  return `${elsewhere}${message}${inner?.kind === 'macro' ? ` (macro ${inner.name}, ${inner.file}:${inner.line})` : ''}`;
}

/** Marks each error from its column to the end of the word; one of an included file at its %include. */
export function showErrors(view: EditorView, errors: readonly ProgramError[], file: string): void {
  const { doc } = view.state;
  const diagnostics = errors
    .flatMap((error): Diagnostic[] => {
      const place = placeIn(file, error);
      if (place === undefined) return [];
      const from = offsetOf(doc, place);
      const word = /^[\w.$%]+|^./.exec(doc.sliceString(from, doc.lineAt(from).to))?.[0] ?? '';
      return [{ from, to: from + word.length, severity: 'error', message: wording(error, file) }];
    })
    .sort((a, b) => a.from - b.from);
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

export function goTo(view: EditorView, place: ProgramPlace): void {
  const at = offsetOf(view.state.doc, place);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
  view.focus();
}
