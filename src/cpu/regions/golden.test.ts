/**
 * Golden WebAssembly text of a few small regions: what the compiler makes of them stands in `golden`, so
 * that a change of the code shows in review. `npx vitest run src/cpu/regions/golden.test.ts -u` accepts it.
 */
import { describe, expect, it } from 'vitest';
import type { RegionInfo } from '../../contracts/tiers.ts';
import { assemble } from '../../isa/assembler/index.ts';
import { wasmText } from '../../wasm/text.ts';
import { REGION_SIGNATURE } from '../generator/branch.ts';
import { LAYOUT } from '../state.ts';
import { Bench } from '../testing/bench.ts';

interface Sample {
  readonly name: string;
  /** What to look at in the text. */
  readonly about: string;
  readonly bits?: 16 | 32 | 64;
  /** Of the segments; other than 0 it makes every access go by segment checks. */
  readonly base?: number;
  /** The region begins at `region`, in the text's first line where there is no such label. */
  readonly source: string;
}

const SAMPLES: readonly Sample[] = [
  {
    name: 'loop',
    about:
      'A loop: its registers and flags stay in locals. JNZ knows what set the flags; sets that nobody asks for, V8 drops.',
    source: `
region: add rax, [rsi]
        add rsi, 8
        dec ecx
        jnz region`,
  },
  {
    name: 'branches',
    about: 'An if with an else: structured blocks that meet again, one compare-and-branch each.',
    source: `
region: cmp rax, rbx
        jb .less
        sub rax, rbx
        jmp .end
.less:  xchg rax, rbx
.end:   lea rcx, [rax + rbx * 4 + 7]`,
  },
  {
    name: 'nested-loops',
    about: 'A loop in a loop is a loop in a loop.',
    source: `
region: mov ecx, 10
.inner: add eax, ecx
        dec ecx
        jnz .inner
        dec edx
        jnz region`,
  },
  {
    name: 'no-loop',
    about:
      'Without a loop registers are read where they are needed and written at once; flags wait for the end.',
    source: `
region: test rax, rax
        js .end
        mov rbx, [rsi]
        add rbx, rax
        mov rcx, rbx
.end:   ret`,
  },
  {
    name: 'call',
    about:
      'A call that is followed: the return address is pushed, and the return compares it with what it knows.',
    source: `
region: call square
        add rbx, rax
        dec ecx
        jnz region
        jmp $
square: imul rax, rax
        ret`,
  },
  {
    name: 'indirect-jump',
    about: 'A branch to a register leaves the region by way of the branch function.',
    source: `
region: and eax, 3
        lea rdx, [rel table]
        jmp [rdx + rax * 8]
table:  dq 0`,
  },
  {
    name: 'partial-registers',
    about: 'Bytes and words are put into their registers; 32-bit results clear the upper half.',
    source: `
region: mov ah, bl
        add al, ah
        mov cx, ax
        mov edx, ecx
        movsx rdi, cx`,
  },
  {
    name: 'flags',
    about: 'Carries and conditions are computed where they are asked for, from operand and result.',
    source: `
region: add rax, rbx
        adc rcx, rdx
        setc sil
        cmp rax, rcx
        cmovg rdi, rcx
        shl rax, 3
        sbb rdx, rdx`,
  },
  {
    name: 'single-flags',
    about:
      'BT, STC and ROL set flags alone: those go to the kind, and what was known of the others still holds.',
    source: `
region: cmp rax, rbx
        bt rdx, 3
        setl sil
        setc dil
        rol ebx, 5
        adc ecx, 0
        stc
        sbb edx, edx`,
  },
  {
    name: 'stack',
    about: 'PUSH and POP: the stack pointer moves after the store, which may leave the region.',
    source: `
region: push rbp
        mov rbp, rsp
        push qword [rdi]
        pop rax
        leave
        jmp $`,
  },
  {
    name: 'packed-floats',
    about: 'XMM registers are v128 locals.',
    source: `
region: movups xmm1, [rsi]
        mulps xmm1, xmm0
        addps xmm2, xmm1
        add rsi, 16
        dec ecx
        jnz region`,
  },
  {
    name: 'packed-integers',
    about: 'One SIMD instruction each.',
    source: `
region: movdqa xmm1, xmm0
        paddd xmm0, xmm2
        pxor xmm1, xmm0
        pshufd xmm3, xmm1, 0x1b
        pcmpeqb xmm3, xmm0
        pmovmskb eax, xmm3`,
  },
  {
    name: 'repeated-string',
    about: 'REP MOVSQ: a step that branches to itself.',
    source: `
region: rep movsq
        mov eax, ecx`,
  },
  {
    name: 'system-instruction',
    about: 'CPUID is executed by the system: all registers are written back before, and loaded again.',
    source: `
region: mov eax, 1
        cpuid
        and ecx, 15`,
  },
  {
    name: 'segments',
    about: '32-bit code with segments that begin elsewhere: offsets are checked before they are used.',
    bits: 32,
    base: 0x40_0000,
    source: `
region: mov eax, [esi + 4]
        add [edi], eax
        loop region`,
  },
  {
    name: 'two-pages',
    about: 'Code in two pages: going on in the next one checks that it is mapped as it was.',
    source: `
        jmp region
        times 0xff0 - ($ - $$) nop
region: mov eax, 1
        mov ebx, 2
        mov ecx, 3
        mov edx, 4
        add eax, ebx
        dec rbp
        jnz region`,
  },
];

const CODE = 0x1_0000;
/** Arrives at the region by a branch, as what is compiled does. */
const ARRIVAL = 'jmp region\n';

/** RSP, RSI, RDI point to memory; RCX, RDX, RBP count. */
const POINTERS = [4, 6, 7];
const COUNTERS = [1, 2, 5];
const pointer = (register: number): number => 0x2_0800 + 0x1000 * register;

function compile({ bits = 64, base = 0, source }: Sample): RegionInfo {
  const bench = new Bench();
  bench.setMode(bits, base);
  const { bytes, symbols, errors } = assemble(`bits ${bits}\norg ${CODE}\n${ARRIVAL}${source}\n jmp $`, {
    format: 'bin',
  });
  expect(errors).toEqual([]);
  for (let at = 0; at < bytes.length; at += 0x1000) {
    const physical = bench.map(base + CODE + at);
    bench.ram.set(bytes.subarray(at, at + 0x1000), physical);
  }
  for (const n of POINTERS) bench.map(base + pointer(n));
  // Once to decode it; then the first branch to it has it compiled.
  for (const mode of ['off', 'forced'] as const) {
    bench.setTier2(mode);
    for (const n of POINTERS) bench.regs.setGprNumber(n, pointer(n));
    for (const n of COUNTERS) bench.regs.setGprNumber(n, 2);
    bench.regs.rip = CODE;
    bench.run(30);
  }
  const start = Number(symbols.find((s) => s.name === 'region')?.value) & 0xfff;
  const region = bench.regions().find((r) => r.offset === start);
  if (!region) throw new Error('the region was not compiled');
  return region;
}

/** Addresses of records as numbers from 0: where the arena lies is no matter. */
function text({ body, names }: RegionInfo): string {
  const records: string[] = [];
  return wasmText(body, { names, signature: REGION_SIGNATURE }).replace(
    /\bi32\.const (0x[0-9a-f]+|\d+)/g,
    (whole, digits: string) => {
      const value = Number(digits);
      if (value < LAYOUT.RECORDS || value >= LAYOUT.RECORDS_END) return whole;
      if (!records.includes(digits)) records.push(digits);
      return `i32.const record${records.indexOf(digits)}`;
    },
  );
}

describe('golden regions', () => {
  it.each(SAMPLES)('$name', async (sample) => {
    const region = compile(sample);
    const comment = (lines: string): string => lines.replaceAll(/^/gm, ';; ').replaceAll(/ +$/gm, '');
    const code = sample.source.replace(/^\n/, '');
    const whole = `${comment(`${sample.about}\n\n${code}`)}\n\n${text(region)}\n`;
    await expect(whole).toMatchFileSnapshot(`golden/${sample.name}.wat`);
  });
});
