/** What is drawn beside the text: breakpoints, addresses and bytes, the line that runs next. */
import { Facet, MapMode, RangeSet, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, GutterMarker, gutter } from '@codemirror/view';
import type { ProgramLine } from '../../../protocol/assembly.ts';
import { hex } from '../../format.ts';

/** Positions are starts of lines. */
export const toggleMark = StateEffect.define<number>();
/** The text as it stands is started: its lines are followed from now on. */
export const follow = StateEffect.define<null>();
/** A line of the started text, from 1; null: none. */
export const setRunsNext = StateEffect.define<number | null>();
export const setListing = StateEffect.define<ReadonlyMap<number, ProgramLine>>();

/** Called for a click on the gutter, and for F9. */
export const onBreakpoint = Facet.define<(view: EditorView, line: number) => void>();

class Dot extends GutterMarker {
  override toDOM() {
    return document.createTextNode('●');
  }
}
const DOT = new Dot();

const breakpoints = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, { changes, effects }) {
    let result = marks.map(changes);
    for (const effect of effects) {
      if (!effect.is(toggleMark)) continue;
      const at = effect.value;
      let set = false;
      result.between(at, at, (from) => {
        if (from === at) set = true;
      });
      result = result.update(set ? { filter: (from) => from !== at } : { add: [DOT.range(at)] });
    }
    return result;
  },
});

/** Where each line of the started text now begins; null: it was deleted. */
const followed = StateField.define<readonly (number | null)[]>({
  create: () => [],
  update(positions, { changes, docChanged, effects, newDoc }) {
    if (effects.some((effect) => effect.is(follow)))
      return Array.from({ length: newDoc.lines }, (_, i) => newDoc.line(i + 1).from);
    return docChanged
      ? positions.map((at) => (at === null ? null : changes.mapPos(at, 1, MapMode.TrackDel)))
      : positions;
  },
});

/** Lines with a breakpoint, from 1. */
export function breakpointLines({ state }: EditorView): number[] {
  const lines: number[] = [];
  state.field(breakpoints).between(0, state.doc.length, (from) => {
    lines.push(state.doc.lineAt(from).number);
  });
  return lines;
}

/** The line of the started text that now stands in this line. */
export function startedLine({ state }: EditorView, line: number): number | undefined {
  const { from, to } = state.doc.line(line);
  const index = state.field(followed).findIndex((at) => at !== null && at >= from && at <= to);
  return index < 0 ? undefined : index + 1;
}

/** Where a line of the started text now begins. */
export function positionOfStarted({ state }: EditorView, line: number): number | undefined {
  return state.field(followed)[line - 1] ?? undefined;
}

const NEXT = Decoration.line({ class: 'cm-runs-next', attributes: { 'aria-current': 'true' } });

const runsNext = StateField.define<number | null>({
  create: () => null,
  update(line, { effects }) {
    for (const effect of effects) if (effect.is(setRunsNext)) return effect.value;
    return line;
  },
  provide: (field) =>
    EditorView.decorations.compute([field, followed], (state) => {
      const line = state.field(field);
      const at = line === null ? null : (state.field(followed)[line - 1] ?? null);
      return at === null ? Decoration.none : Decoration.set([NEXT.range(state.doc.lineAt(at).from)]);
    }),
});

class Bytes extends GutterMarker {
  readonly text: string;

  constructor({ address, bytes, length }: ProgramLine) {
    super();
    const shown = Array.from(bytes.slice(0, 6), (byte) => hex(byte, 2)).join(' ');
    this.text = `${hex(address, 8)}  ${shown}${length > 6 ? ' …' : ''}`.padEnd(29);
  }

  override eq(other: GutterMarker) {
    return other instanceof Bytes && other.text === this.text;
  }

  override toDOM() {
    return document.createTextNode(this.text);
  }
}

const listing = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, { changes, effects, newDoc }) {
    for (const effect of effects) {
      if (!effect.is(setListing)) continue;
      const builder = new RangeSetBuilder<GutterMarker>();
      for (const [line, piece] of [...effect.value].sort(([a], [b]) => a - b)) {
        if (line > newDoc.lines) break;
        const { from } = newDoc.line(line);
        builder.add(from, from, new Bytes(piece));
      }
      return builder.finish();
    }
    return marks.map(changes);
  },
});

export const listingGutter = gutter({
  class: 'cm-listing',
  markers: (view) => view.state.field(listing),
});

export const marks = [
  breakpoints,
  followed,
  runsNext,
  listing,
  gutter({
    class: 'cm-breakpoints',
    markers: (view) => view.state.field(breakpoints),
    initialSpacer: () => DOT,
    domEventHandlers: {
      mousedown(view, block) {
        const { number } = view.state.doc.lineAt(block.from);
        for (const toggle of view.state.facet(onBreakpoint)) toggle(view, number);
        return true;
      },
    },
  }),
];
