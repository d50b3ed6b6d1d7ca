import { describe, expect, it } from 'vitest';
import { CodeCache } from './code-cache.ts';
import { Registers } from './registers.ts';
import { LAYOUT, SEVERAL, STATE, TLB } from './state.ts';
import { TranslationBuffers } from './tlb.ts';

const PAGE = 0x1000;
const RAM_BYTES = 16 * PAGE;
const LINEAR = 0x7f12_3456_7000;

function setup() {
  const memory = new WebAssembly.Memory({ initial: (LAYOUT.RAM + RAM_BYTES) / 0x1_0000 });
  const registers = new Registers(memory, LAYOUT.CPUS);
  const tlb = new TranslationBuffers(memory, registers);
  const words = new Uint32Array(memory.buffer);
  const bank = (): number => registers.lo(STATE.TLB_BANK);
  /** Enters LINEAR, or another page, for reads. */
  const fill = (t: { global?: boolean; large?: boolean } = {}, linear = LINEAR): void =>
    tlb.fill(bank(), TLB.READ, linear, 0, { page: 3 * PAGE, global: false, large: false, ...t });
  const has = (linear = LINEAR): boolean => tlb.find(bank(), TLB.READ, linear) !== 0;
  return { memory, tlb, words, bank, fill, has };
}

/** VPID, EPT table, PCID. */
type Context = readonly [number, number, number];

describe('translation contexts', () => {
  it('keep translations apart by VPID, EPT table and PCID', () => {
    const { tlb, fill, has } = setup();
    const contexts: readonly Context[] = [
      [0, 0, 0],
      [0, 0, 5],
      [1, 7, 5],
      [1, 8, 5],
      [2, 7, 5],
    ];
    for (const [n, context] of contexts.entries()) {
      tlb.select(...context);
      expect(has()).toBe(false);
      fill({}, LINEAR);
      fill({}, (n + 1) * PAGE);
    }
    for (const [n, context] of contexts.entries()) {
      tlb.select(...context);
      expect([has(), has((n + 1) * PAGE), has((n + 2) * PAGE)]).toEqual([true, true, false]);
    }
  });

  it('beyond the number of sets replace the one that was used least recently', () => {
    const { tlb, fill, has } = setup();
    for (let pcid = 0; pcid < TLB.SETS; pcid++) {
      tlb.select(0, 0, pcid);
      fill();
    }
    tlb.select(0, 0, 0);
    tlb.select(0, 0, 100);
    expect(has()).toBe(false);
    tlb.select(0, 0, 0);
    expect(has()).toBe(true);
    tlb.select(0, 0, 1);
    expect(has()).toBe(false);
  });
});

describe('what drops translations', () => {
  const kept = (drop: (tlb: TranslationBuffers) => void): string[] => {
    const { tlb, fill, has } = setup();
    const contexts: Record<string, Context> = {
      host: [0, 0, 0],
      pcid: [0, 0, 1],
      guest: [1, 7, 0],
      other: [2, 8, 0],
    };
    for (const context of Object.values(contexts)) {
      tlb.select(...context);
      fill();
      fill({ global: true }, PAGE);
    }
    tlb.select(...contexts.host);
    drop(tlb);
    return Object.entries(contexts).flatMap(([name, context]) => {
      tlb.select(...context);
      return [...(has() ? [name] : []), ...(has(PAGE) ? [`${name} global`] : [])];
    });
  };
  const OTHERS = ['pcid', 'pcid global', 'guest', 'guest global', 'other', 'other global'];

  it.each<[string, (tlb: TranslationBuffers) => void, string[]]>([
    ['nothing', () => {}, ['host', 'host global', ...OTHERS]],
    ['flushNonglobal', (t) => t.flushNonglobal(), ['host global', ...OTHERS]],
    ['flushPcid', (t) => t.flushPcid(1), ['host', 'host global', ...OTHERS.slice(1)]],
    ['flushVpid', (t) => t.flushVpid(), OTHERS.slice(2)],
    [
      'flushVpid of a guest',
      (t) => t.flushVpid(1),
      ['host', 'host global', ...OTHERS.slice(0, 2), ...OTHERS.slice(4)],
    ],
    ['flushVpidNonglobal', (t) => t.flushVpidNonglobal(), ['host global', ...OTHERS.slice(1)]],
    ['flushGuests', (t) => t.flushGuests(), ['host', 'host global', ...OTHERS.slice(0, 2)]],
    ['flushEpt of one', (t) => t.flushEpt(8), ['host', 'host global', ...OTHERS.slice(0, 4)]],
    ['flushEpt of all', (t) => t.flushEpt(), ['host', 'host global', ...OTHERS.slice(0, 2)]],
    ['flushEverything', (t) => t.flushEverything(), []],
    ['reset', (t) => t.reset(), []],
    [
      'invalidatePage',
      (t) => t.invalidatePage(PAGE + 5),
      ['host', 'pcid', 'guest', 'guest global', 'other', 'other global'],
    ],
    ['forget', (t) => t.forget(LINEAR + 5), ['host global', ...OTHERS]],
  ])('%s', (_, drop, left) => expect(kept(drop)).toEqual(left));

  it('drops all pieces of a larger page by any address in it', () => {
    const { tlb, fill, has } = setup();
    fill({ large: true });
    fill({ large: true, global: true }, LINEAR + PAGE);
    fill({}, LINEAR + 2 * PAGE);
    tlb.invalidatePage(LINEAR + 0x20_0000);
    expect([has(), has(LINEAR + PAGE), has(LINEAR + 2 * PAGE)]).toEqual([false, false, true]);
  });

  it('knows every slot once, however often it is filled', () => {
    const { tlb, words, fill, has } = setup();
    for (let n = 0; n < 100_000; n++) fill({ global: n % 3 === 0 }, n * PAGE);
    const set = tlb as unknown as { address(n: number): number };
    const logged = words[(set.address(0) + TLB.LOGGED) >> 2];
    expect(logged).toBeLessThanOrEqual(TLB.ENTRIES);
    tlb.flushNonglobal();
    expect([99_999, 99_998, 99_997].map((n) => has(n * PAGE))).toEqual([true, false, false]);
    tlb.flushVpid();
    expect(has(99_999 * PAGE)).toBe(false);
  });
});

describe('pages that begin to hold code', () => {
  const write = { page: 3 * PAGE, global: false, large: false };

  it('are marked in every write TLB', () => {
    const { memory, tlb, words, bank } = setup();
    const code = new CodeCache(memory, RAM_BYTES);
    code.listen({ protect: (page) => tlb.protect(page), dropped: () => {}, flushed: () => {} });
    tlb.fill(bank(), TLB.WRITE, LINEAR, 0, write);
    const first = tlb.find(bank(), TLB.WRITE, LINEAR);
    expect(words[LAYOUT.WRITERS / 4 + 3]).toBe(first);
    tlb.select(1, 7, 0);
    tlb.fill(bank(), TLB.WRITE, 2 * PAGE, 0, write);
    const second = tlb.find(bank(), TLB.WRITE, 2 * PAGE);
    expect(words[LAYOUT.WRITERS / 4 + 3]).toBe(SEVERAL);
    code.markCode(3, 100, 110);
    expect([words[first >> 2] & 0xfff, words[second >> 2] & 0xfff]).toEqual([TLB.CODE_TAG, TLB.CODE_TAG]);
    expect([code.holdsCode(3 * PAGE + 64, 1), code.holdsCode(3 * PAGE + 128, 8)]).toEqual([true, false]);
  });
});
