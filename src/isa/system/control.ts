/** Control, debug and descriptor-table registers, MSRs, and the processor as a whole. SDM volume 2. */
import { CR4, GPR } from '../../arch/registers.ts';
import { i32, i64 } from '../../wasm/expression.ts';
import type { Instruction, Semantics } from '../definition.ts';
import { DIRECT, STATE } from '../state.ts';
import { needsDirect } from './direct.ts';

const pause: Semantics = (c) => needsDirect(c, DIRECT.PAUSE);

const rdtsc: Semantics = (c) => {
  const { f } = c;
  needsDirect(c, DIRECT.TSC);
  const isDisabled = i32.and(i32.load(c.field(STATE.CR4)), i32.const(CR4.TSD));
  f.if(isDisabled, () => f.if(i32.load(c.field(STATE.CPL)), () => c.system()));
  const counter = f.let(i64.sub(i64.load(c.field(STATE.TSC)), i64.extend_i32_s(c.budget())));
  c.setGpr(GPR.RAX, counter, 32);
  c.setGpr(GPR.RDX, i64.shr_u(counter, i64.const(32)), 32);
};

const rdtscp: Semantics = (c) => {
  rdtsc(c);
  c.setGpr(GPR.RCX, i64.load(c.field(STATE.TSC_AUX)), 32);
};

export const controlInstructions: readonly Instruction[] = [
  // Always 64-bit in 64-bit mode, 32-bit otherwise. ModRM.mod is ignored: ModRM.rm is a register.
  {
    mnemonic: 'MOV',
    encoding: '0F 20',
    operands: 'Ry,Cy',
    attributes: 'f64',
    semantics: { system: 'moveFromControl' },
  },
  {
    mnemonic: 'MOV',
    encoding: '0F 21',
    operands: 'Ry,Dy',
    attributes: 'f64',
    semantics: { system: 'moveFromDebug' },
  },
  {
    mnemonic: 'MOV',
    encoding: '0F 22',
    operands: 'Cy,Ry',
    attributes: 'f64',
    semantics: { system: 'moveToControl' },
  },
  {
    mnemonic: 'MOV',
    encoding: '0F 23',
    operands: 'Dy,Ry',
    attributes: 'f64',
    semantics: { system: 'moveToDebug' },
  },
  { mnemonic: 'CLTS', encoding: '0F 06', semantics: { system: 'clts' } },
  { mnemonic: 'SMSW', encoding: '0F 01 /4', operands: 'Ev', semantics: { system: 'smsw' } },
  { mnemonic: 'LMSW', encoding: '0F 01 /6', operands: 'Ew', semantics: { system: 'lmsw' } },

  { mnemonic: 'SGDT', encoding: '0F 01 /0', operands: 'Ms', semantics: { system: 'sgdt' } },
  { mnemonic: 'SIDT', encoding: '0F 01 /1', operands: 'Ms', semantics: { system: 'sidt' } },
  { mnemonic: 'LGDT', encoding: '0F 01 /2', operands: 'Ms', semantics: { system: 'lgdt' } },
  { mnemonic: 'LIDT', encoding: '0F 01 /3', operands: 'Ms', semantics: { system: 'lidt' } },
  { mnemonic: 'SLDT', encoding: '0F 00 /0', operands: 'Ev', semantics: { system: 'sldt' } },
  { mnemonic: 'STR', encoding: '0F 00 /1', operands: 'Ev', semantics: { system: 'str' } },
  { mnemonic: 'LLDT', encoding: '0F 00 /2', operands: 'Ew', semantics: { system: 'lldt' } },
  { mnemonic: 'LTR', encoding: '0F 00 /3', operands: 'Ew', semantics: { system: 'ltr' } },

  { mnemonic: 'WRMSR', encoding: '0F 30', feature: 'msr', semantics: { system: 'wrmsr' } },
  { mnemonic: 'RDTSC', encoding: '0F 31', feature: 'tsc', semantics: rdtsc, fallback: 'rdtsc' },
  { mnemonic: 'RDMSR', encoding: '0F 32', feature: 'msr', semantics: { system: 'rdmsr' } },
  { mnemonic: 'RDPMC', encoding: '0F 33', semantics: { system: 'rdpmc' } },
  { mnemonic: 'RDTSCP', encoding: '0F 01 F9', feature: 'rdtscp', semantics: rdtscp, fallback: 'rdtscp' },

  { mnemonic: 'CPUID', encoding: '0F A2', semantics: { system: 'cpuid' } },
  { mnemonic: 'HLT', encoding: 'F4', semantics: { system: 'hlt' } },
  { mnemonic: 'PAUSE', encoding: 'F3 90', semantics: pause, fallback: 'pause' },
  {
    mnemonic: 'INVPCID',
    encoding: '66 0F 38 82',
    operands: 'Gy,Mdq',
    attributes: 'f64',
    feature: 'invpcid',
    semantics: { system: 'invpcid' },
  },
  { mnemonic: 'INVLPG', encoding: '0F 01 /7', operands: 'M', semantics: { system: 'invlpg' } },
  { mnemonic: 'INVD', encoding: '0F 08', semantics: { system: 'invd' } },
  { mnemonic: 'WBINVD', encoding: '0F 09', semantics: { system: 'wbinvd' } },
  { mnemonic: 'RSM', encoding: '0F AA', semantics: { system: 'rsm' } },
  { mnemonic: 'UD2', encoding: '0F 0B', semantics: { system: 'ud' } },
  { mnemonic: 'UD1', encoding: '0F B9', operands: 'Gv,Ev', semantics: { system: 'ud' } },
  { mnemonic: 'UD0', encoding: '0F FF', operands: 'Gv,Ev', semantics: { system: 'ud' } },
];
