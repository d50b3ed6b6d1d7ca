import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** The page's custom properties, so that both themes apply at once. */
const frame = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--paper)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px' },
  '.cm-scroller': { font: '12.5px / 20px var(--font-code)' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '6px 0' },
  '.cm-line': { padding: '0 12px 0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--focus) 26%, transparent)',
  },
  '.cm-gutters': {
    backgroundColor: 'var(--sunken)',
    color: 'var(--ink-3)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--accent-soft)',
    outline: '1px solid var(--accent)',
  },
  '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--danger-soft)' },
  '.cm-runs-next': { backgroundColor: 'var(--current-soft)', boxShadow: 'inset 3px 0 var(--current)' },
  '.cm-breakpoints': { width: '18px', cursor: 'pointer' },
  '.cm-breakpoints .cm-gutterElement': { color: 'var(--danger)', textAlign: 'center' },
  '.cm-breakpoints .cm-gutterElement:hover': { backgroundColor: 'var(--danger-soft)' },
  '.cm-listing .cm-gutterElement': { padding: '0 10px 0 4px', whiteSpace: 'pre', fontSize: '11px' },
  '.cm-listing': { minWidth: '62px' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--ink)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '6px 28px 6px 12px', font: '12px var(--font-text)' },
  '.cm-textfield': {
    border: '1px solid var(--line-strong)',
    backgroundColor: 'var(--paper)',
    color: 'var(--ink)',
  },
  '.cm-button': {
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius)',
    backgroundImage: 'none',
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
  },
  '.cm-panel.cm-search [name=close]': { color: 'var(--ink)', fontSize: '16px', right: '8px' },
  '.cm-searchMatch': { backgroundColor: 'var(--changed-soft)', outline: '1px solid var(--changed)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--current-soft)' },
  '.cm-tooltip': {
    border: '1px solid var(--line-strong)',
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    font: '12px var(--font-text)',
  },
  '.cm-diagnostic-error': { borderLeft: '4px solid var(--danger)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--danger) 1px',
    textUnderlineOffset: '3px',
  },
});

const words = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: tags.operatorKeyword, color: 'var(--ink)', fontWeight: '600' },
  { tag: [tags.keyword, tags.processingInstruction], color: 'var(--ring-root)' },
  { tag: tags.special(tags.variableName), color: 'var(--ring-3)' },
  { tag: tags.labelName, color: 'var(--changed)', fontWeight: '600' },
  { tag: [tags.number, tags.atom], color: 'var(--ring-0)' },
  { tag: tags.string, color: 'var(--good)' },
  { tag: [tags.modifier, tags.operator, tags.punctuation], color: 'var(--ink-2)' },
]);

export const style = [frame, syntaxHighlighting(words)];
