import { cString } from './byte-writer.ts';
import type { BootImage } from './image.ts';
import { ImageError } from './image-error.ts';
import type { Placement } from './placement.ts';

const PAGE = 0x1000;

/** A module in memory. Addresses are physical. */
export interface PlacedModule {
  readonly start: number;
  readonly end: number;
  readonly commandLine: string;
  /** Address of the command line with its terminating zero. */
  readonly commandLineAt: number;
}

/** Places initrd and modules in page-aligned RAM after the kernel, or anywhere when there is too little. */
export function putModules(
  image: BootImage,
  placement: Placement,
  kernelEnd: number,
): readonly PlacedModule[] {
  const initrd = image.initrd === undefined ? [] : [{ bytes: image.initrd, commandLine: '' }];
  return [...initrd, ...(image.modules ?? [])].map(({ bytes, commandLine }, index) => {
    const length = Math.max(1, bytes.length);
    const after = placement.find(length, { alignment: PAGE, from: kernelEnd });
    const from = after ?? PAGE;
    const start = placement.allocate(`module ${index}`, length, { alignment: PAGE, from });
    placement.overwrite(start, bytes);
    const commandLineAt = placement.put(`command line of module ${index}`, cString(commandLine));
    return { start, end: start + bytes.length, commandLine, commandLineAt };
  });
}

/** Throws when the image comes with parts that its format cannot pass on. */
export function rejectExtras(
  image: BootImage,
  format: string,
  extras: readonly ('initrd' | 'modules' | 'commandLine')[],
): void {
  const given = {
    initrd: image.initrd !== undefined,
    modules: (image.modules?.length ?? 0) > 0,
    commandLine: image.commandLine !== '',
  };
  const names = { initrd: 'an initrd', modules: 'modules', commandLine: 'a command line' };
  const unwanted = extras.filter((extra) => given[extra]).map((extra) => names[extra]);
  if (unwanted.length === 0) return;
  throw new ImageError({
    code: 'unsupported',
    found: `The kernel is a ${format}, which has no way to receive ${unwanted.join(' and ')}`,
    accepted: 'an initrd with Linux and PVH kernels, modules with multiboot and PVH kernels',
    advice: 'Leave them out.',
  });
}
