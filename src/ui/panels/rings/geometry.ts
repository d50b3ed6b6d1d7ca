import type { Crossing, RingPosition } from '../../../protocol/rings-view.ts';
import type { Ring } from '../../../protocol/target.ts';

/** Outer radius of each ring's band; the hypervisor is at the centre, user programs outermost. */
export const BANDS: readonly { readonly ring: Ring; readonly outer: number; readonly label: string }[] = [
  { ring: 3, outer: 140, label: '3 user' },
  { ring: 2, outer: 110, label: '2' },
  { ring: 1, outer: 97, label: '1' },
  { ring: 0, outer: 84, label: '0 kernel' },
  { ring: -1, outer: 52, label: '−1 root' },
];

/** The centre is kept free for the innermost label. */
const CENTRE = 20;

/** Half of the wedge at the top that is kept free for the labels, in radians. */
const LABEL_WEDGE = 0.42;
const GAP = 0.16;

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The middle of a ring's band. */
export function radius(ring: Ring): number {
  const index = BANDS.findIndex((band) => band.ring === ring);
  const { outer } = BANDS[index] as (typeof BANDS)[number];
  const inner = BANDS[index + 1]?.outer ?? CENTRE;
  return (outer + inner) / 2;
}

/** Angle 0 is at the top; angles grow clockwise. */
function polar(angle: number, r: number): Point {
  return { x: r * Math.sin(angle), y: -r * Math.cos(angle) };
}

/** The part of the circle that belongs to the vCPU at `index` of `count`. */
export function sector(index: number, count: number): { readonly from: number; readonly to: number } {
  const whole = 2 * Math.PI - 2 * LABEL_WEDGE;
  const each = whole / count;
  const from = LABEL_WEDGE + index * each;
  return { from, to: from + each - (count > 1 ? GAP : 0) };
}

export interface Jump {
  readonly crossing: Crossing;
  readonly start: Point;
  readonly end: Point;
}

export interface Trace {
  readonly position: RingPosition;
  readonly marker: Point;
  /** The stays in the rings: arcs, as an SVG path. */
  readonly stays: string;
  /** The crossings between them. */
  readonly jumps: readonly Jump[];
}

/**
 * The last crossings of a vCPU as a step line around the circle, oldest first, ending at the marker.
 * A stay's length on screen says nothing of its duration: crossings are spread evenly.
 */
export function trace(
  position: RingPosition,
  crossings: readonly Crossing[],
  index: number,
  count: number,
): Trace {
  const { from, to } = sector(index, count);
  const step = (to - from) / (crossings.length + 1);
  const angleOf = (n: number) => from + step * n;
  const stays: string[] = [];
  const jumps: Jump[] = [];
  let ring = crossings[0]?.from ?? position.ring;
  crossings.forEach((crossing, n) => {
    stays.push(arc(angleOf(n), angleOf(n + 1), radius(ring)));
    const start = polar(angleOf(n + 1), radius(crossing.from));
    const end = polar(angleOf(n + 1), radius(crossing.to));
    jumps.push({ crossing, start, end });
    ring = crossing.to;
  });
  stays.push(arc(angleOf(crossings.length), to, radius(position.ring)));
  return { position, marker: polar(to, radius(position.ring)), stays: stays.join(''), jumps };
}

function arc(from: number, to: number, r: number): string {
  const a = polar(from, r);
  const b = polar(to, r);
  const large = to - from > Math.PI ? 1 : 0;
  return `M${fix(a.x)} ${fix(a.y)}A${fix(r)} ${fix(r)} 0 ${large} 1 ${fix(b.x)} ${fix(b.y)}`;
}

function fix(value: number): string {
  return value.toFixed(1);
}
