import { useRef } from 'react';
import { brief, duration, seconds } from '../../format.ts';
import { useWidth } from '../../widgets/use-width.ts';
import widgets from '../../widgets/widgets.module.css';
import { niceTicks } from '../scheduler/ticks.ts';
import type { Stretch } from './history.ts';
import css from './Tiers.module.css';

const HEIGHT = 96;
const AXIS = 20;
const LEFT = 42;
const RIGHT = 12;
const GRID = [0, 0.5, 1];

export const percent = (share: number): string => `${(share * 100).toFixed(1)}\u202f%`;

/** Share of instructions by tier over the latest span of simulated time; the present is at the right. */
export function ShareChart({ parts }: { readonly parts: readonly Stretch[] }) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host, 180);
  const from = parts[0]?.from ?? 0;
  const to = parts.at(-1)?.to ?? 0;
  const span = Math.max(1, to - from);
  const x = (ns: number) => LEFT + ((ns - from) / span) * (width - LEFT - RIGHT);
  const y = (share: number) => 6 + (1 - share) * (HEIGHT - 6);
  const last = parts.at(-1);
  const says =
    last === undefined ? 'nothing was executed yet' : `${percent(last.share)} compiled, the rest interpreted`;
  return (
    <figure className={css.chart} ref={host}>
      <svg
        width={width}
        height={HEIGHT + AXIS}
        role="img"
        aria-label={`Share of instructions by tier: ${says}`}
      >
        <rect
          className={css.interpreted}
          x={LEFT}
          y={y(1)}
          width={width - LEFT - RIGHT}
          height={HEIGHT - y(1)}
        />
        <path className={css.compiled} d={area(parts, x, y)} />
        {GRID.map((share) => (
          <g key={share}>
            <line className={css.grid} x1={LEFT} x2={width - RIGHT} y1={y(share)} y2={y(share)} />
            <text className={css.scale} x={LEFT - 6} y={y(share) + 4}>
              {share * 100} %
            </text>
          </g>
        ))}
        {parts.length > 0 &&
          niceTicks(span).map((ns) => (
            <g key={ns} transform={`translate(${x(to - ns)} ${HEIGHT})`}>
              <line className={css.tick} y2={4} />
              <text className={css.tickName} y={16}>
                {ns === 0 ? 'now' : `−${duration(ns)}`}
              </text>
            </g>
          ))}
      </svg>
      <figcaption className={css.legend}>
        <span className={css.compiledKey}>compiled</span>
        <span className={css.interpretedKey}>interpreted</span>
      </figcaption>
    </figure>
  );
}

/** A step for each stretch, closed along the bottom. */
function area(parts: readonly Stretch[], x: (ns: number) => number, y: (share: number) => number): string {
  if (parts.length === 0) return '';
  const steps = parts.map(({ from, to, share }) => `L${x(from)} ${y(share)}L${x(to)} ${y(share)}`);
  const [first, last] = [parts[0] as Stretch, parts.at(-1) as Stretch];
  return `M${x(first.from)} ${y(0)}${steps.join('')}L${x(last.to)} ${y(0)}Z`;
}

/** The same as a table. */
export function ShareTable({ parts }: { readonly parts: readonly Stretch[] }) {
  return (
    <table className={widgets.table}>
      <caption className="unseen">Share of instructions by tier, newest first</caption>
      <thead>
        <tr>
          <th scope="col">until, s</th>
          <th scope="col" className={widgets.number}>
            instructions
          </th>
          <th scope="col" className={widgets.number}>
            compiled
          </th>
          <th scope="col" className={widgets.number}>
            interpreted
          </th>
        </tr>
      </thead>
      <tbody>
        {parts
          .slice(-20)
          .reverse()
          .map(({ to, instructions, share }) => (
            <tr key={to}>
              <th scope="row">{seconds(to)}</th>
              <td className={widgets.number}>{brief(instructions)}</td>
              <td className={widgets.number}>{percent(share)}</td>
              <td className={widgets.number}>{percent(1 - share)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}
