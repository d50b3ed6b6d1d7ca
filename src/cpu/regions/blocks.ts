/** Basic blocks of a region in reverse postorder, with immediate dominators; every loop has one entry. */
import { type Step, waysOut } from './region.ts';

export interface Edge {
  readonly from: Block;
  readonly to: Block;
}

export interface Block {
  readonly steps: Step[];
  readonly out: Edge[];
  readonly in: Edge[];
  /** Place in reverse postorder. */
  order: number;
  /** The block that every path to this one passes last. */
  dominator: Block | undefined;
  /** Blocks that it dominates immediately. */
  readonly children: Block[];
}

/**
 * @param head the step where the region is entered
 * @returns reachable blocks in reverse postorder; steps lose the ways that would enter a loop at a second place
 */
export function makeBlocks(head: Step): Block[] {
  for (;;) {
    const blocks = order(partition(head));
    findDominators(blocks);
    const offending = blocks.flatMap((b) => b.out).find((e) => isBackward(e) && !dominates(e.to, e.from));
    if (!offending) {
      for (const block of blocks) block.dominator?.children.push(block);
      return blocks;
    }
    cut(offending);
  }
}

export const isBackward = ({ from, to }: Edge): boolean => to.order <= from.order;

/** More than one way leads forward to the block. */
export const isMerge = (block: Block): boolean => block.in.filter((e) => !isBackward(e)).length > 1;

export const isLoop = (block: Block): boolean => block.in.some(isBackward);

/** The edge from a block to a step, if the step is in the region. */
export const edgeTo = (block: Block, step: Step | undefined): Edge | undefined =>
  step && block.out.find((e) => e.to.steps[0] === step);

function cut({ from, to }: Edge): void {
  const last = from.steps[from.steps.length - 1];
  const [head] = to.steps;
  for (const exit of ['next', 'taken', 'returns'] as const) if (last[exit] === head) last[exit] = undefined;
  last.targets = last.targets.filter(({ step }) => step !== head);
}

const endsBlock = ({ shape }: Step): boolean => shape.flow !== 'next' || shape.spilled;

/** Blocks by their first step, the head's first. */
function partition(head: Step): Block[] {
  const reached = new Set<Step>([head]);
  const predecessors = new Map<Step, number>([[head, 1]]);
  const leaders = new Set<Step>([head]);
  for (const step of reached) {
    for (const to of waysOut(step)) {
      reached.add(to);
      const count = (predecessors.get(to) ?? 0) + 1;
      predecessors.set(to, count);
      if (count > 1 || endsBlock(step) || to.page !== step.page || isAlone(to)) leaders.add(to);
    }
  }
  const byLeader = new Map<Step, Block>();
  for (const leader of leaders) {
    const steps = [leader];
    for (let s = leader; !endsBlock(s) && s.next && !leaders.has(s.next); s = s.next) steps.push(s.next);
    byLeader.set(leader, { steps, out: [], in: [], order: -1, dominator: undefined, children: [] });
  }
  for (const block of byLeader.values()) {
    const last = block.steps[block.steps.length - 1];
    const targets = new Set(waysOut(last));
    if (last.shape.flow === 'repeat') targets.add(last);
    for (const target of targets) {
      const to = byLeader.get(target);
      if (!to) continue;
      const edge = { from: block, to };
      block.out.push(edge);
      to.in.push(edge);
    }
  }
  return [...byLeader.values()];
}

/** A repeated instruction branches to itself. */
const isAlone = ({ shape }: Step): boolean => shape.flow === 'repeat';

function order(blocks: readonly Block[]): Block[] {
  const postorder: Block[] = [];
  const seen = new Set<Block>();
  const visit = (block: Block): void => {
    seen.add(block);
    for (const { to } of block.out) if (!seen.has(to)) visit(to);
    postorder.push(block);
  };
  visit(blocks[0]);
  const ordered = postorder.reverse();
  for (const [i, block] of ordered.entries()) block.order = i;
  return ordered;
}

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
function findDominators(blocks: readonly Block[]): void {
  const [head] = blocks;
  head.dominator = head;
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of blocks.slice(1)) {
      const known = block.in.map((e) => e.from).filter((b) => b.dominator);
      const dominator = known.reduce(common);
      if (block.dominator !== dominator) {
        block.dominator = dominator;
        changed = true;
      }
    }
  }
  head.dominator = undefined;
}

function common(a: Block, b: Block): Block {
  let [x, y] = [a, b];
  while (x !== y) {
    if (x.order > y.order) x = x.dominator as Block;
    else y = y.dominator as Block;
  }
  return x;
}

function dominates(a: Block, b: Block): boolean {
  for (let x: Block | undefined = b; x; x = x.dominator) if (x === a) return true;
  return false;
}
