/**
 * Linux bzImage: 512-byte boot sector and setup code (never run here), then the protected-mode code,
 * which unpacks the kernel itself. Linux, Documentation/arch/x86/boot.rst, "32-bit Boot Protocol" and
 * "64-bit Boot Protocol".
 */
import { MEMORY_MAP } from '../../arch/pc.ts';
import type { ByteReader } from './byte-reader.ts';
import type { LoadRequest, LoadResult } from './image.ts';
import { hex, ImageError } from './image-error.ts';
import { BOOT_FLAG, BOOT_PARAMS, enterLinux, HDRS_MAGIC, needsLongMode } from './linux.ts';
import { rejectExtras } from './modules.ts';

const SECTOR = 512;
const LOADED_HIGH = 0x01;
const XLF_KERNEL_64 = 0x0001;
/** The 64-bit entry point is this far into the protected-mode code. */
const ENTRY_64 = 0x200;

/** Protocol versions that brought the fields used here. */
const VERSION = { cmdLinePtr: 0x202, initrdAddrMax: 0x203, relocatable: 0x205, cmdlineSize: 0x206 } as const;
const VERSION_INIT_SIZE = 0x20a;
const VERSION_XLOADFLAGS = 0x20c;

const ACCEPTED = 'Linux bzImage kernels of boot protocol 2.02 or later';

export function isBzImage(file: ByteReader): boolean {
  if (file.length < BOOT_PARAMS.version + 2) return false;
  return file.u16(BOOT_PARAMS.bootFlag) === BOOT_FLAG && file.u32(BOOT_PARAMS.magic) === HDRS_MAGIC;
}

/** The fields of the setup header that decide where the kernel goes, with defaults of older protocols. */
function readSetupHeader(file: ByteReader) {
  const version = file.u16(BOOT_PARAMS.version);
  if (version < VERSION.cmdLinePtr) {
    const text = `${version >> 8}.${String(version & 0xff).padStart(2, '0')}`;
    throw new ImageError({
      code: 'unsupported',
      found: `The kernel speaks boot protocol ${text}`,
      accepted: ACCEPTED,
    });
  }
  const from = <T>(since: number, read: () => T, otherwise: T): T => (version >= since ? read() : otherwise);
  if ((file.u8(BOOT_PARAMS.loadFlags) & LOADED_HIGH) === 0) {
    throw new ImageError({
      code: 'unsupported',
      found: 'The kernel is a zImage, loaded below 1 MiB',
      accepted: ACCEPTED,
    });
  }
  if (file.u32(BOOT_PARAMS.code32Start) === 0) {
    throw new ImageError({
      code: 'unsupported',
      found:
        'The kernel has no 32-bit entry (code32_start is 0): it runs from its real-mode setup code, on a BIOS',
      accepted: ACCEPTED,
    });
  }
  const end = Math.min(BOOT_PARAMS.magic + file.u8(BOOT_PARAMS.jump + 1), BOOT_PARAMS.setupHeaderEnd);
  const start = BOOT_PARAMS.setupHeader;
  return {
    bytes: file.part(start, Math.max(0, end - start), 'setup header').bytes,
    // 0 means 4 for compatibility with the first kernels.
    setupSize: ((file.u8(start) || 4) + 1) * SECTOR,
    codeSize: file.u32(start + 3) * 16,
    initrdAddrMax: from(VERSION.initrdAddrMax, () => file.u32(BOOT_PARAMS.initrdAddrMax), 0x37ff_ffff),
    relocatable: from(VERSION.relocatable, () => file.u8(BOOT_PARAMS.relocatableKernel) !== 0, false),
    alignment: from(VERSION.relocatable, () => file.u32(BOOT_PARAMS.kernelAlignment), SECTOR),
    cmdlineSize: from(VERSION.cmdlineSize, () => file.u32(BOOT_PARAMS.cmdlineSize), 255),
    prefAddress: from(VERSION_INIT_SIZE, () => file.u64(BOOT_PARAMS.prefAddress), MEMORY_MAP.extendedMemory),
    initSize: from(VERSION_INIT_SIZE, () => file.u32(BOOT_PARAMS.initSize), 0),
    kernel64: from(VERSION_XLOADFLAGS, () => (file.u16(BOOT_PARAMS.xloadFlags) & XLF_KERNEL_64) !== 0, false),
  };
}

type SetupHeader = ReturnType<typeof readSetupHeader>;

export function loadBzImage(file: ByteReader, request: LoadRequest): LoadResult {
  rejectExtras(request.image, 'Linux bzImage', ['modules']);
  const header = readSetupHeader(file);
  const code = protectedModeCode(file, header);
  const size = Math.max(code.length, header.initSize);
  const address = chooseAddress(header, size, request);
  request.placement.load('kernel', address, code, size);

  // An amd64 kernel's 32-bit entry is no way out: it switches to 64-bit mode at once.
  if (header.kernel64 && !request.longMode) throw needsLongMode(address + ENTRY_64);
  return enterLinux(
    {
      setupHeader: header.bytes,
      entry: header.kernel64 ? address + ENTRY_64 : address,
      bits: header.kernel64 ? 64 : 32,
      loadedAt: address,
      maxCommandLine: header.cmdlineSize,
      maxInitrdAddress: header.initrdAddrMax,
    },
    request,
  );
}

/** All after the setup code. The size in the header is rounded up to 16 bytes, and signatures may follow. */
function protectedModeCode(file: ByteReader, { setupSize, codeSize }: SetupHeader): Uint8Array {
  const available = file.length - setupSize;
  if (available <= 0 || codeSize >= available + 16) {
    throw new ImageError({
      code: 'truncated',
      found: `The setup header announces ${setupSize} + ${codeSize} bytes, but the file has ${file.length}`,
      accepted: 'a complete bzImage',
      advice: 'Copy or download it again.',
    });
  }
  const rest = file.part(setupSize, available, 'protected-mode code').bytes;
  return codeSize === 0 ? rest : rest.subarray(0, codeSize);
}

/** The preferred address, or for a relocatable kernel the next free one; below it none can run. */
function chooseAddress(
  { relocatable, alignment, prefAddress }: SetupHeader,
  size: number,
  request: LoadRequest,
) {
  if (!relocatable) return prefAddress;
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    throw new ImageError({
      code: 'malformed',
      found: `The kernel alignment is ${hex(alignment)}, not a power of two`,
      accepted: ACCEPTED,
    });
  }
  return request.placement.find(size, { alignment, from: prefAddress }) ?? prefAddress;
}
