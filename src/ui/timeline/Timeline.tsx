import { useState } from 'react';
import { command } from '../../client/lab.ts';
import { useLab, useView } from '../../client/lab-store.ts';
import { useWatch } from '../../client/watch.ts';
import type { BackTo, TimelineView } from '../../protocol/timeline-view.ts';
import { runBack, stepBack, stepBackOver, whoWrote } from '../actions.ts';
import { GDB_RUNS, useGdbRuns } from '../bridge/use-gdb-runs.ts';
import { bytes, seconds } from '../format.ts';
import { Button } from '../widgets/Button.tsx';
import { parseWritten } from './parse-written.ts';
import { StateHash } from './StateHash.tsx';
import { StepCount } from './StepCount.tsx';
import { seekTo, useSeeking } from './seeking.ts';
import css from './Timeline.module.css';

/** What a search backwards can be for, by name. */
export const TARGETS: Readonly<Record<BackTo, string>> = {
  breakpoint: 'stop',
  'vm-exit': 'VM exit',
  crossing: 'ring crossing',
  output: 'console output',
};

/** In the list beside what a search can be for. */
const WRITE = 'write';

/** Steps of the slider's arrow keys, about. */
const STEPS = 500;

/** The past of the computer in focus: a line that can be dragged, and steps and searches backwards. */
export function Timeline() {
  useWatch(true, 'timeline');
  const timeline = useView('timeline');
  if (!timeline) return null;
  return (
    <section className={css.strip} aria-label="Timeline">
      <Backwards />
      <Line timeline={timeline} />
      <Latest timeline={timeline} />
      <StateHash timeline={timeline} />
      <Branches timeline={timeline} />
      <Budget timeline={timeline} />
    </section>
  );
}

function Backwards() {
  const running = useView('machine')?.running ?? false;
  const focus = useLab((state) => state.focus);
  const [target, setTarget] = useState<BackTo | typeof WRITE>('vm-exit');
  const [place, setPlace] = useState('');
  const written = parseWritten(place);
  const go = () => {
    if (target !== WRITE) runBack(target);
    else if (written !== undefined) whoWrote(written);
  };
  const ofGdb = useGdbRuns();
  const still = !running && focus !== null && !ofGdb;
  return (
    <div className={css.group} role="toolbar" aria-label="Backwards" {...(ofGdb ? { title: GDB_RUNS } : {})}>
      <Button
        small
        icon="runBack"
        disabled={!still}
        onClick={() => runBack('breakpoint')}
        title="Run back to the previous stop that is set (Ctrl+F5)"
      >
        Run back
      </Button>
      <Button
        small
        icon="back"
        disabled={!still}
        onClick={stepBack}
        title="Step instructions back (Ctrl+F11)"
      >
        Step back
      </Button>
      <StepCount />
      <Button
        small
        icon="backOver"
        disabled={!still}
        onClick={stepBackOver}
        title="Step back over a call (Ctrl+F10)"
      >
        Back over
      </Button>
      <span className={css.previous}>
        <Button
          small
          disabled={!still || (target === WRITE && written === undefined)}
          onClick={go}
          title="Go back to the last one"
        >
          To previous
        </Button>
        <select
          aria-label="What to go back to"
          value={target}
          onChange={(event) => setTarget(event.target.value as typeof target)}
        >
          {Object.entries(TARGETS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
          <option value={WRITE}>write to…</option>
        </select>
        {target === WRITE && (
          <input
            aria-label="Register, field or address that was written"
            aria-invalid={place !== '' && written === undefined}
            title="A register (rax), a field of the VMCS (GUEST_RIP), a linear address (0x1000), or gpa:0x1000, hpa:0x1000 for a physical one"
            placeholder="rax, 0x1000, gpa:0x1000"
            spellCheck={false}
            value={place}
            onChange={(event) => setPlace(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && still) go();
            }}
          />
        )}
      </span>
    </div>
  );
}

function Line({ timeline }: { readonly timeline: TimelineView }) {
  const { from, to, position, snapshots } = timeline;
  const sought = useSeeking();
  const ofGdb = useGdbRuns();
  const shown = sought ?? position;
  const length = Math.max(1, to - from);
  const at = (of: number): string => `${((of - from) / length) * 100}%`;
  const ns = (of: number): number => ((of - from) / timeline.perSecond) * 1e9;
  const text = `${seconds(ns(shown))} of ${seconds(ns(to))} s`;
  return (
    <>
      <div className={css.line} data-past={shown < to}>
        <svg className={css.ticks} aria-hidden="true">
          {snapshots.map((snapshot) => (
            <line key={snapshot} x1={at(snapshot)} x2={at(snapshot)} y1="0" y2="100%" />
          ))}
        </svg>
        <input
          type="range"
          aria-label="Instant"
          aria-valuetext={text}
          disabled={ofGdb}
          min={from}
          max={Math.max(to, from + 1)}
          step={Math.max(1, Math.floor(length / STEPS))}
          value={shown}
          onChange={(event) => {
            const wanted = Number(event.target.value);
            seekTo(wanted >= to - length / STEPS ? to : wanted);
          }}
        />
      </div>
      <span className={css.reading} title="Simulated time since this history began; ticks are snapshots">
        {text}
      </span>
    </>
  );
}

/** Says that this is the past, and leads out of it. */
function Latest({ timeline: { position, to } }: { readonly timeline: TimelineView }) {
  const past = position < to;
  const ofGdb = useGdbRuns();
  return (
    <Button
      small
      className={css.latest}
      data-past={past}
      disabled={!past || ofGdb}
      onClick={() => seekTo(to)}
      title="Go to the latest instant that was reached"
    >
      {past ? 'In the past · to latest' : 'Latest instant'}
    </Button>
  );
}

/** Histories that were left by input at an earlier instant. */
function Branches({ timeline: { branches, from, perSecond } }: { readonly timeline: TimelineView }) {
  const focus = useLab((state) => state.focus);
  if (branches.length === 0 || focus === null) return null;
  const time = (position: number): string => seconds(((position - from) / perSecond) * 1e9);
  return (
    <select
      className={css.branches}
      aria-label="Other histories"
      title="Histories that were left by input at an earlier instant"
      value=""
      onChange={(event) => {
        const [act, id] = event.target.value.split(' ');
        const branch = Number(id);
        if (act === 'take') void command({ kind: 'take-branch', on: focus, branch });
        if (act === 'drop') void command({ kind: 'drop-branch', on: focus, branch });
      }}
    >
      <option value="">Other histories ({branches.length})</option>
      {branches.map(({ id, from: left, to }) => (
        <optgroup key={id} label={`History ${id}: left at ${time(left)} s, ends at ${time(to)} s`}>
          <option value={`take ${id}`}>Take up history {id}</option>
          <option value={`drop ${id}`}>Drop history {id}</option>
        </optgroup>
      ))}
    </select>
  );
}

const BUDGETS = [64, 128, 256, 512, 1024, 2048].map((mebibytes) => mebibytes * 2 ** 20);

function Budget({ timeline }: { readonly timeline: TimelineView }) {
  return (
    <label className={css.budget} title="Memory that snapshots take, and may take on all computers together">
      {bytes(timeline.bytes)} of
      <select
        aria-label="Memory for snapshots"
        value={timeline.budget}
        onChange={(event) => void command({ kind: 'history-budget', bytes: Number(event.target.value) })}
      >
        {BUDGETS.map((size) => (
          <option key={size} value={size}>
            {bytes(size)}
          </option>
        ))}
      </select>
    </label>
  );
}
