/** Checks of the guest segment registers. SDM volume 3C, "Checks on Guest Segment Registers". */
import { CR0, SEG } from '../../arch/registers.ts';
import { ATTRIBUTE, dplOf, VM86_ATTRIBUTES } from '../../arch/segments.ts';
import { FIELD, FIELD_STEP } from '../../arch/vmcs.ts';
import { UNUSABLE } from '../../arch/vmx.ts';
import { type EntryCheck, type EntryContext, isCanonicalField } from './check.ts';

const REFERENCE = 'Checks on Guest Segment Registers';

const selector = (c: EntryContext, n: number): number => c.vmcs.lo(FIELD.GUEST_ES_SELECTOR + n * FIELD_STEP);
const rights = (c: EntryContext, n: number): number =>
  c.vmcs.lo(FIELD.GUEST_ES_ACCESS_RIGHTS + n * FIELD_STEP);
const limit = (c: EntryContext, n: number): number => c.vmcs.lo(FIELD.GUEST_ES_LIMIT + n * FIELD_STEP);
const baseField = (n: number): number => FIELD.GUEST_ES_BASE + n * FIELD_STEP;
const usable = (c: EntryContext, n: number): boolean => (rights(c, n) & UNUSABLE) === 0;
const type = (c: EntryContext, n: number): number => rights(c, n) & ATTRIBUTE.TYPE;

/** ES CS SS DS FS GS, and those of them that hold data. */
const ALL = [SEG.ES, SEG.CS, SEG.SS, SEG.DS, SEG.FS, SEG.GS];
const DATA = [SEG.ES, SEG.DS, SEG.FS, SEG.GS];

/** Access rights that are neither described nor reserved: bits 11:8 and 31:17. */
const RESERVED = 0xfffe_0f00 | 0;

/** G agrees with the limit: clear when its low 12 bits are not all ones, set when it has bits above 20. */
function granularity(c: EntryContext, n: number): boolean {
  const value = limit(c, n);
  const g = (rights(c, n) & ATTRIBUTE.G) !== 0;
  if ((value & 0xfff) !== 0xfff && g) return false;
  return value >>> 20 === 0 || g;
}

const WRITABLE_DATA = [3, 7];

function codeType(c: EntryContext): boolean {
  const t = type(c, SEG.CS);
  return (t & 9) === 9 || (c.unrestricted && t === 3);
}

function codeDpl(c: EntryContext): boolean {
  const t = type(c, SEG.CS);
  const dpl = dplOf(rights(c, SEG.CS));
  const stack = dplOf(rights(c, SEG.SS));
  if (t === 3) return dpl === 0;
  return t & ATTRIBUTE.CONFORMING ? dpl <= stack : dpl === stack;
}

function stackDpl(c: EntryContext): boolean {
  const dpl = dplOf(rights(c, SEG.SS));
  if (!c.unrestricted && dpl !== (selector(c, SEG.SS) & 3)) return false;
  const real = (c.vmcs.lo(FIELD.GUEST_CR0) & CR0.PE) === 0;
  return dpl === 0 || !(real || type(c, SEG.CS) === 3);
}

/** Accessed, and readable if it is code. */
const dataType = (t: number): boolean =>
  (t & 1) !== 0 && ((t & ATTRIBUTE.CODE) === 0 || (t & ATTRIBUTE.READABLE) !== 0);

function dataDpl(c: EntryContext, n: number): boolean {
  if (c.unrestricted || type(c, n) > 11) return true;
  return dplOf(rights(c, n)) >= (selector(c, n) & 3);
}

/** Rows for segments outside virtual-8086 mode hold trivially in it. */
const unlessVm86 =
  (test: (c: EntryContext) => boolean): EntryCheck['test'] =>
  (c) =>
    c.guestVm86 || test(c);

export const GUEST_SEGMENT_CHECKS: readonly EntryCheck[] = [
  {
    id: 'guest.tr.selector',
    reference: REFERENCE,
    explanation: 'TR and a usable LDTR are selected from the GDT (TI is 0).',
    test: (c) =>
      (selector(c, SEG.TR) & 4) === 0 && (!usable(c, SEG.LDTR) || (selector(c, SEG.LDTR) & 4) === 0),
  },
  {
    id: 'guest.ss.rpl',
    reference: REFERENCE,
    explanation: 'The RPLs of SS and CS are equal unless the guest is unrestricted.',
    test: unlessVm86((c) => c.unrestricted || (selector(c, SEG.SS) & 3) === (selector(c, SEG.CS) & 3)),
  },
  {
    id: 'guest.vm86',
    reference: REFERENCE,
    explanation: 'In virtual-8086 mode, base is selector times 16, limit FFFFh, access rights F3h.',
    test: (c) =>
      !c.guestVm86 ||
      ALL.every(
        (n) =>
          c.vmcs.lo(baseField(n)) === (selector(c, n) & 0xffff) << 4 &&
          c.vmcs.hi(baseField(n)) === 0 &&
          limit(c, n) === 0xffff &&
          rights(c, n) === VM86_ATTRIBUTES,
      ),
  },
  {
    id: 'guest.bases.canonical',
    reference: REFERENCE,
    explanation: 'The bases of TR, FS, GS and a usable LDTR are canonical.',
    test: (c) =>
      isCanonicalField(c, baseField(SEG.TR)) &&
      isCanonicalField(c, baseField(SEG.FS)) &&
      isCanonicalField(c, baseField(SEG.GS)) &&
      (!usable(c, SEG.LDTR) || isCanonicalField(c, baseField(SEG.LDTR))),
  },
  {
    id: 'guest.bases.32-bit',
    reference: REFERENCE,
    explanation: 'The bases of CS and of usable SS, DS, ES have 32 bits.',
    test: (c) =>
      c.vmcs.hi(baseField(SEG.CS)) === 0 &&
      (!usable(c, SEG.SS) || c.vmcs.hi(baseField(SEG.SS)) === 0) &&
      (!usable(c, SEG.DS) || c.vmcs.hi(baseField(SEG.DS)) === 0) &&
      (!usable(c, SEG.ES) || c.vmcs.hi(baseField(SEG.ES)) === 0),
  },
  {
    id: 'guest.cs.type',
    reference: REFERENCE,
    explanation: 'CS is an accessed code segment (or read/write data of DPL 0 in an unrestricted guest).',
    test: unlessVm86(codeType),
  },
  {
    id: 'guest.ss.type',
    reference: REFERENCE,
    explanation: 'A usable SS is accessed, writable data.',
    test: unlessVm86((c) => !usable(c, SEG.SS) || WRITABLE_DATA.includes(type(c, SEG.SS))),
  },
  {
    id: 'guest.data.type',
    reference: REFERENCE,
    explanation: 'Usable DS, ES, FS, GS are accessed, and readable if they are code.',
    test: unlessVm86((c) => DATA.every((n) => !usable(c, n) || dataType(type(c, n)))),
  },
  {
    id: 'guest.segments.present',
    reference: REFERENCE,
    explanation:
      'Usable segments are present code or data segments without reserved bits; G agrees with the limit.',
    test: unlessVm86((c) =>
      ALL.every(
        (n) =>
          (n !== SEG.CS && !usable(c, n)) ||
          ((rights(c, n) & (ATTRIBUTE.S | ATTRIBUTE.P)) === (ATTRIBUTE.S | ATTRIBUTE.P) &&
            (rights(c, n) & RESERVED) === 0 &&
            granularity(c, n)),
      ),
    ),
  },
  {
    id: 'guest.cs.usable',
    reference: REFERENCE,
    explanation: 'CS is usable.',
    test: (c) => usable(c, SEG.CS),
  },
  {
    id: 'guest.cs.dpl',
    reference: REFERENCE,
    explanation: "The DPL of CS suits the type of CS and the DPL of SS, which is the guest's CPL.",
    test: unlessVm86(codeDpl),
  },
  {
    id: 'guest.ss.dpl',
    reference: REFERENCE,
    explanation: 'The DPL of SS equals its RPL (unless unrestricted) and is 0 in real-address mode.',
    test: unlessVm86(stackDpl),
  },
  {
    id: 'guest.data.dpl',
    reference: REFERENCE,
    explanation: 'The DPL of usable data and non-conforming code in DS, ES, FS, GS is at least the RPL.',
    test: unlessVm86((c) => DATA.every((n) => !usable(c, n) || dataDpl(c, n))),
  },
  {
    id: 'guest.cs.db',
    reference: REFERENCE,
    explanation: 'A 64-bit CS (L set in IA-32e mode) has D/B clear.',
    test: unlessVm86(
      (c) =>
        !c.guestLong || (rights(c, SEG.CS) & (ATTRIBUTE.L | ATTRIBUTE.DB)) !== (ATTRIBUTE.L | ATTRIBUTE.DB),
    ),
  },
  {
    id: 'guest.tr',
    reference: REFERENCE,
    explanation:
      'TR is a usable, present, busy TSS (of 64 or 32 bits in IA-32e mode); G agrees with the limit.',
    test: (c) =>
      (type(c, SEG.TR) === 11 || (!c.guestLong && type(c, SEG.TR) === 3)) &&
      (rights(c, SEG.TR) & (ATTRIBUTE.S | ATTRIBUTE.P | UNUSABLE | RESERVED)) === ATTRIBUTE.P &&
      granularity(c, SEG.TR),
  },
  {
    id: 'guest.ldtr',
    reference: REFERENCE,
    explanation: 'A usable LDTR is a present LDT; G agrees with the limit.',
    test: (c) =>
      !usable(c, SEG.LDTR) ||
      (type(c, SEG.LDTR) === 2 &&
        (rights(c, SEG.LDTR) & (ATTRIBUTE.S | ATTRIBUTE.P | RESERVED)) === ATTRIBUTE.P &&
        granularity(c, SEG.LDTR)),
  },
];
