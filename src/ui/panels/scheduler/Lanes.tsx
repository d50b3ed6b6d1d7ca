import { useRef } from 'react';
import type { SchedulerView } from '../../../protocol/hypervisor-view.ts';
import { vcpuName } from '../../describe.ts';
import { duration } from '../../format.ts';
import { useWidth } from '../../widgets/use-width.ts';
import { vmColour } from '../../widgets/VmTag.tsx';
import css from './Scheduler.module.css';
import { niceTicks } from './ticks.ts';

const LANE = 30;
const AXIS = 22;
const LEFT = 52;

/** One lane per physical CPU over the latest span of simulated time; the present is at the right. */
export function Lanes({ view, perCycle }: { readonly view: SchedulerView; readonly perCycle: number }) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host, 200);
  const span = Math.max(1, view.to - view.from);
  const x = (cycles: number) => LEFT + ((cycles - view.from) / span) * (width - LEFT - 12);
  const height = view.physicalCpus * LANE + AXIS + 6;
  const last = view.segments.at(-1);
  const says = last ? `${vcpuName(last.on)} ran last, on CPU ${last.pcpu}` : 'nothing has run';
  return (
    <div ref={host} className={css.lanes}>
      <svg width={width} height={height} role="img" aria-label={`Who ran where: ${says}`}>
        {Array.from({ length: view.physicalCpus }, (_, pcpu) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a lane is its processor's number
          <g key={pcpu} transform={`translate(0 ${pcpu * LANE + 4})`}>
            <text className={css.laneName} x={LEFT - 10} y={LANE / 2 + 3}>
              CPU {pcpu}
            </text>
            <rect className={css.lane} x={LEFT} y={2} width={width - LEFT - 12} height={LANE - 6} rx={2} />
            {view.segments
              .filter((segment) => segment.pcpu === pcpu && segment.to > view.from)
              .map(({ on, from, to, stop }) => {
                const left = x(Math.max(from, view.from));
                const size = Math.max(0.75, x(to) - left - 0.5);
                return (
                  <g key={from}>
                    <rect
                      x={left}
                      y={2}
                      width={size}
                      height={LANE - 6}
                      fill={vmColour(on.vm)}
                      rx={size > 4 ? 1.5 : 0}
                    >
                      <title>{`${vcpuName(on)}, ${duration((to - from) * perCycle)}: ${stop ?? 'still runs'}`}</title>
                    </rect>
                    {size > 22 && (
                      <text className={css.segment} x={left + size / 2} y={LANE / 2 + 3}>
                        {on.vm}.{on.vcpu}
                      </text>
                    )}
                  </g>
                );
              })}
          </g>
        ))}
        {niceTicks(span * perCycle).map((ns) => {
          const at = x(view.to - ns / perCycle);
          return (
            <g key={ns} transform={`translate(${at} ${view.physicalCpus * LANE + 4})`}>
              <line className={css.tick} y1={0} y2={4} />
              <text className={css.tickName} y={15}>
                {ns === 0 ? 'now' : `−${duration(ns)}`}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
