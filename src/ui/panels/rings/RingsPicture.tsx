import { memo } from 'react';
import type { RingsView } from '../../../protocol/rings-view.ts';
import { machineTag } from '../../../protocol/target.ts';
import { vcpuName } from '../../describe.ts';
import { vmColour } from '../../widgets/VmTag.tsx';
import { CAUSE, ringName } from './causes.ts';
import { BANDS, radius, type Trace, trace } from './geometry.ts';
import css from './Rings.module.css';

/** Crossings drawn per vCPU when there are one, two, or more of them. */
const SHOWN = [18, 11, 6];

export function RingsPicture({ view }: { readonly view: RingsView }) {
  const { positions, recent } = view;
  const shown = SHOWN[Math.min(positions.length, SHOWN.length) - 1] ?? 6;
  const traces = positions.map((position, index) => {
    const { vm, vcpu } = position.on;
    const own = recent.filter(({ on }) => on.vm === vm && on.vcpu === vcpu).slice(-shown);
    return trace(position, own, index, positions.length);
  });
  const places = positions.map(({ on, ring }) => `${vcpuName(on)} in ring ${ringName(ring)}`);
  return (
    <svg
      className={css.picture}
      viewBox="-150 -146 300 292"
      role="img"
      aria-label={`Rings: ${places.join(', ')}`}
    >
      <Bands />
      {traces.map((one) => (
        <TraceLine key={`${one.position.on.vm}/${one.position.on.vcpu}`} trace={one} />
      ))}
    </svg>
  );
}

const Bands = memo(() => (
  <g>
    {BANDS.map(({ ring, outer }) => (
      <circle key={ring} r={outer} className={css.band} data-ring={ring} />
    ))}
    {BANDS.map(({ ring, label }) => (
      <text key={ring} className={css.label} data-ring={ring} y={ring === -1 ? 3.5 : -radius(ring) + 3.5}>
        {label}
      </text>
    ))}
  </g>
));

function TraceLine({ trace: { position, marker, stays, jumps } }: { readonly trace: Trace }) {
  const { on, scheduled, halted, ring } = position;
  return (
    <g stroke={vmColour(on.vm)} fill={vmColour(on.vm)}>
      <path d={stays} className={css.stay} />
      {jumps.map(({ crossing, start, end }, index) => (
        <g key={crossing.sequence} opacity={0.35 + (0.65 * (index + 1)) / jumps.length}>
          <line x1={start.x} y1={start.y} x2={end.x} y2={end.y} className={css.jump}>
            <title>
              {`${CAUSE[crossing.cause]} ${crossing.detail}: ring ${ringName(crossing.from)} to ${ringName(crossing.to)}, ${crossing.cost} cycles`}
            </title>
          </line>
          <circle cx={end.x} cy={end.y} r={2.2} stroke="none" />
        </g>
      ))}
      <g transform={`translate(${marker.x} ${marker.y})`} className={css.marker} data-scheduled={scheduled}>
        <title>{`${vcpuName(on)}: ring ${ringName(ring)}${halted ? ', halted' : ''}`}</title>
        <circle r={9} />
        <text y={3.8} className={css.markerText}>
          {machineTag(on.vm)}
        </text>
      </g>
    </g>
  );
}
