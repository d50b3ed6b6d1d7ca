import { type RegionInfo, SIDE_EXITS, type SideExit, type Tier2Statistics } from '../../contracts/tiers.ts';
import { CODE_MODE_SIZE } from '../../isa/modes.ts';
import type { VmId } from '../../protocol/target.ts';
import { REGIONS_SHOWN, type RegionRow, type TiersView } from '../../protocol/tiers-view.ts';
import { unsigned64 } from './numbers.ts';

const PAGE = 0x1000;

export interface TiersRequest {
  readonly bare: VmId | null;
  /** Executed by the computer since power-on. */
  readonly instructions: number;
  readonly statistics: Tier2Statistics;
  readonly regions: readonly RegionInfo[];
}

export function tiersView({ bare, instructions, statistics, regions }: TiersRequest): TiersView {
  const { mode, sideExits, limits, batches } = statistics;
  const often = [...regions].sort((a, b) => b.entries - a.entries || a.id - b.id);
  return {
    bare,
    mode,
    instructions,
    compiledInstructions: statistics.instructions,
    entries: statistics.entries,
    sideExits: (Object.keys(SIDE_EXITS) as SideExit[])
      .map((cause) => ({ cause, text: SIDE_EXITS[cause], count: sideExits[cause] }))
      .sort((a, b) => b.count - a.count),
    cache: {
      regions: statistics.regions,
      modules: statistics.modules,
      bytes: statistics.bytes,
      maxModules: limits.modules,
      maxBytes: limits.bytes,
      generation: statistics.generation,
    },
    compiled: statistics.compiled,
    evictions: statistics.evictions,
    evicted: statistics.evicted,
    dropped: statistics.dropped,
    unstablePages: statistics.unstablePages,
    batches: [...batches].reverse(),
    regions: often.slice(0, REGIONS_SHOWN).map(row),
  };
}

function row(region: RegionInfo): RegionRow {
  return {
    id: region.id,
    address: unsigned64(region.linear),
    physical: BigInt(region.page * PAGE + region.offset),
    bitness: CODE_MODE_SIZE[region.codeMode].address,
    instructions: region.instructions.length,
    bytes: region.instructions.reduce((sum, { length }) => sum + length, 0),
    wasmBytes: region.body.length,
    entries: region.entries,
    module: region.module,
    generation: region.generation,
  };
}
