/**
 * Descriptor tables and page tables that the boot protocols want to find.
 * Intel SDM volume 3A, "Segment Descriptors" and "4-Level Paging".
 */
import type { BootState } from '../../contracts/boot.ts';
import { ByteWriter } from './byte-writer.ts';
import type { Placement } from './placement.ts';

/** Selectors of the flat segments, as Linux's boot protocol numbers them: __BOOT_CS and __BOOT_DS. */
const BOOT_CS = 0x10;
const BOOT_DS = 0x18;

/** Flat descriptors: base 0, limit 4 GiB, present, DPL 0, accessed. */
const DESCRIPTOR = {
  code32: { high: 0x00cf_9b00, low: 0x0000_ffff },
  code64: { high: 0x00af_9b00, low: 0x0000_ffff },
  data: { high: 0x00cf_9300, low: 0x0000_ffff },
} as const;

const PRESENT_WRITABLE = 0x03;
const PAGE_SIZE_2M = 0x80;
const PAGE = 0x1000;
const IDENTITY_GIB = 4;

function putGdt(placement: Placement, code: 'code32' | 'code64') {
  const gdt = new ByteWriter().zeros(BOOT_CS);
  for (const { low, high } of [DESCRIPTOR[code], DESCRIPTOR.data]) gdt.u32(low).u32(high);
  const bytes = gdt.finish();
  return { base: placement.put('GDT', bytes), limit: bytes.length - 1 };
}

/** Page tables that map the first 4 GiB to themselves by 2 MiB pages: PML4, PDPT, four page directories. */
function putIdentityTables(placement: Placement): number {
  const base = placement.allocate('page tables', (2 + IDENTITY_GIB) * PAGE, { alignment: PAGE });
  const tables = new ByteWriter();
  const pdpt = base + PAGE;
  const directories = base + 2 * PAGE;
  tables.u64(pdpt | PRESENT_WRITABLE).align(PAGE);
  for (let i = 0; i < IDENTITY_GIB; i++) tables.u64((directories + i * PAGE) | PRESENT_WRITABLE);
  tables.align(PAGE);
  for (let i = 0; i < IDENTITY_GIB * 512; i++) tables.u64(i * 0x20_0000 + (PRESENT_WRITABLE | PAGE_SIZE_2M));
  placement.overwrite(base, tables.finish());
  return base;
}

type Registers = BootState['registers'];

/** 32-bit protected mode with flat segments, paging off. */
export function protectedEntry(placement: Placement, rip: number, registers: Registers): BootState {
  return { mode: 'protected', rip, gdt: putGdt(placement, 'code32'), cs: BOOT_CS, ds: BOOT_DS, registers };
}

/** 64-bit mode with flat segments and the first 4 GiB mapped to themselves. */
export function longEntry(placement: Placement, rip: number, registers: Registers): BootState {
  const gdt = putGdt(placement, 'code64');
  const cr3 = putIdentityTables(placement);
  return { mode: 'long', rip, cr3, gdt, cs: BOOT_CS, ds: BOOT_DS, registers };
}

const STACK_SIZE = 0x4000;

/** Claims a stack of 16 KiB and returns its top, for images whose format promises nothing about RSP. */
export function allocateStack(placement: Placement): number {
  return placement.allocate('stack', STACK_SIZE) + STACK_SIZE;
}
