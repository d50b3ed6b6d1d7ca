/** What is drawn beside the text: breakpoints, addresses and bytes, the line that runs next. */
import {
  type EditorState,
  Facet,
  MapMode,
  type Range,
  RangeSet,
  RangeSetBuilder,
  StateEffect,
  StateField,
  type Text,
} from '@codemirror/state';
import { Decoration, EditorView, GutterMarker, gutter } from '@codemirror/view';
import type { ProgramLine } from '../../../protocol/assembly.ts';
import { hex } from '../../format.ts';

/** Positions are starts of lines. */
export const toggleMark = StateEffect.define<number>();
/** The text as it stands is started: its lines are followed from now on. */
export const follow = StateEffect.define<null>();
/** Lines of the started text with breakpoints in the list of stops: true for those that are enabled. */
export const setStops = StateEffect.define<ReadonlyMap<number, boolean>>();
/** A line of the started text, from 1; null: none. */
export const setRunsNext = StateEffect.define<number | null>();
export const setListing = StateEffect.define<ReadonlyMap<number, ProgramLine>>();

/** Called for a click on the gutter, and for F9. */
export const onBreakpoint = Facet.define<(view: EditorView, line: number) => void>();

class Dot extends GutterMarker {
  readonly enabled: boolean;

  constructor(enabled: boolean) {
    super();
    this.enabled = enabled;
  }

  override toDOM() {
    return document.createTextNode(this.enabled ? '●' : '○');
  }
}
const DOT = new Dot(true);
const HOLLOW = new Dot(false);

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

/** Starts of lines, wherever their text has moved. */
function atLineStarts(marks: RangeSet<GutterMarker>, doc: Text): RangeSet<GutterMarker> {
  const moved: Range<GutterMarker>[] = [];
  marks.between(0, doc.length, (from, _, mark) => {
    moved.push(mark.range(doc.lineAt(from).from));
  });
  return RangeSet.of(moved);
}

const breakpoints = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, { changes, docChanged, effects, newDoc, state }) {
    let result = docChanged ? atLineStarts(marks.map(changes), newDoc) : marks;
    for (const effect of effects) {
      if (effect.is(toggleMark)) result = toggled(result, effect.value);
      if (effect.is(setStops)) result = asListed(result, effect.value, state);
    }
    return result;
  },
});

function toggled(marks: RangeSet<GutterMarker>, at: number): RangeSet<GutterMarker> {
  let set = false;
  marks.between(at, at, () => {
    set = true;
  });
  return marks.update(set ? { filter: (from) => from !== at } : { add: [DOT.range(at)] });
}

/** Lines of the started text are as the list of stops says; lines that came later keep their marks. */
function asListed(
  marks: RangeSet<GutterMarker>,
  listed: ReadonlyMap<number, boolean>,
  state: EditorState,
): RangeSet<GutterMarker> {
  const starts = new Map<number, number>();
  state.field(followed).forEach((at, index) => {
    if (at !== null) starts.set(index + 1, state.doc.lineAt(at).from);
  });
  const add = [...listed].flatMap(([line, enabled]) => {
    const at = starts.get(line);
    return at === undefined ? [] : [(enabled ? DOT : HOLLOW).range(at)];
  });
  const old = new Set(starts.values());
  return marks.update({ filter: (from) => !old.has(from), add, sort: true });
}

/** Lines with a breakpoint, from 1. */
export function breakpointLines({ state }: EditorView): number[] {
  const lines: number[] = [];
  state.field(breakpoints).between(0, state.doc.length, (from, _, mark) => {
    if (mark === DOT) lines.push(state.doc.lineAt(from).number);
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

/** Bytes of a line that are listed; its tooltip tells of more. */
const LISTED_BYTES = 5;

class Bytes extends GutterMarker {
  readonly text: string;
  readonly title: string;

  /** @param digits of the address */
  constructor({ address, bytes, length }: ProgramLine, digits: number) {
    super();
    const first = (most: number): string =>
      Array.from(bytes.slice(0, most), (byte) => hex(byte, 2)).join(' ') + (length > most ? ' …' : '');
    // The column is equally wide wherever the text is scrolled to.
    this.text = `${hex(address, digits)} ${first(LISTED_BYTES).padEnd(3 * LISTED_BYTES + 1)}`;
    this.title = first(bytes.length);
  }

  override eq(other: GutterMarker) {
    return other instanceof Bytes && other.text === this.text && other.title === this.title;
  }

  override toDOM() {
    const cell = document.createElement('span');
    cell.textContent = this.text;
    cell.title = this.title;
    return cell;
  }
}

/** Digits of the longest address, and not fewer than four. */
function addressDigits(pieces: ReadonlyMap<number, ProgramLine>): number {
  return Math.max(4, ...[...pieces.values()].map(({ address }) => hex(address).length));
}

const listing = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, { changes, effects, newDoc }) {
    for (const effect of effects) {
      if (!effect.is(setListing)) continue;
      const builder = new RangeSetBuilder<GutterMarker>();
      const digits = addressDigits(effect.value);
      for (const [line, piece] of [...effect.value].sort(([a], [b]) => a - b)) {
        if (line > newDoc.lines) break;
        const { from } = newDoc.line(line);
        builder.add(from, from, new Bytes(piece, digits));
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
  followed,
  breakpoints,
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
