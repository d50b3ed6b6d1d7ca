import { expect, test } from 'vitest';
import type { StopReason } from '../../protocol/machine-view.ts';
import type { Technique } from '../../protocol/target.ts';
import type { Goal } from '../lab.ts';
import { assembleProgram } from '../programs.ts';
import * as disassembler from '../views/disassembler.ts';
import { Ringlab } from './ringlab.ts';

const MIB = 1024 * 1024;

const TEXT = `bits 64
org 0x100000
%macro three 0
 inc eax
 out 0x80, al
 out 0x80, al
%endmacro
start: xor eax, eax
 three
 call twice
 jmp next
twice: inc eax
 ret
next: times 2 inc eax
again: jmp again
`;
const LINES = [8, 9, 10, 11, 14, 15, 15];

function run(lab: Ringlab, goal: Goal): StopReason | null {
  lab.aim(goal);
  for (let i = 0; i < 200; i++) {
    const { stop } = lab.slice({ instructions: 100_000, cycles: 400_000 });
    if (stop !== null) return stop;
  }
  return null;
}

test.each<Technique>(['bare', 'vtx-ept'])('steps by line go there and back, %s', (technique) => {
  const { program } = assembleProgram({ name: 'a.asm', text: TEXT, format: 'bin' });
  if (program === null) throw new Error('the program has errors');
  let time = 0;
  const lab = new Ringlab({ memory: 32 * MIB, cpus: 1, stopwatch: () => (time += 30) });
  lab.useDisassembler(disassembler);
  const kernel = { name: 'a.bin', bytes: program.image };
  const rest = { initrd: null, commandLine: '', memory: 16 * MIB, cpus: 1, flat: program.flat };
  const on = { vm: lab.open({ name: 'a', technique, kernel, ...rest }), vcpu: 0 };
  const until = [8, 9, 10, 11, 12, 13, 14, 15].map((line) => {
    const pieces = program.lines.filter((piece) => piece.line === line);
    const first = pieces[0]?.address ?? 0n;
    return { from: first + 1n, to: first + BigInt(pieces.reduce((sum, { length }) => sum + length, 0)) };
  });
  const line = () => {
    const rip = lab.registers(on)?.rip.value ?? -1n;
    return program.lines.find(({ address }) => address === rip)?.line;
  };

  if (technique !== 'bare') run(lab, { kind: 'run-to', on, address: program.entry });
  const seen = [line()];
  while (seen.length < LINES.length) {
    expect(run(lab, { kind: 'step-over', on, until })).toEqual({ kind: 'stepped', on });
    seen.push(line());
  }
  expect(seen).toEqual(LINES);
  while (seen.length > 1) {
    seen.pop();
    expect(run(lab, { kind: 'step-back-over', on, until })).toEqual({ kind: 'stepped', on });
    expect(line()).toBe(seen.at(-1));
  }
});
