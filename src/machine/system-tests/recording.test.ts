/** Micro-operations: recording changes nothing, and what is told is what the processor did. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Computer } from '../computer.ts';
import { recordStep, stateAndTranslations } from './record-steps.ts';

describe('recording changes nothing', () => {
  const root = join(import.meta.dirname, '..', '..', '..', '.cache', 'guests', 'cloud');
  const files = { kernel: join(root, 'vmlinux'), initrd: join(root, 'initramfs.cpio') };
  // Where CI is set the kernel has to be there.
  const missing = !existsSync(files.kernel) && !process.env.CI;

  it.skipIf(missing)('in the boot of Linux', { timeout: 300_000 }, () => {
    const boot = () => {
      const computer = new Computer({ ramBytes: 128 * 2 ** 20 });
      computer.boot({
        kernel: readFileSync(files.kernel),
        initrd: readFileSync(files.initrd),
        commandLine: 'console=ttyS0 nokaslr cryptomgr.notests',
      });
      return computer;
    };
    const [plain, recorded] = [boot(), boot()];
    let told = 0;
    for (const at of [1000, 4_000_000, 30_000_000]) {
      plain.runTo(at);
      recorded.runTo(at);
      for (let i = 0; i < 3000; i++) {
        plain.step();
        told += recordStep(recorded)?.length ?? 0;
      }
      expect(recorded.position).toBe(plain.position);
      expect(stateAndTranslations(recorded)).toEqual(stateAndTranslations(plain));
    }
    expect(told).toBeGreaterThan(9000);
  });
});
