/** Runs the same code on this computer's own processor, by a small C program. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CODE } from './kernels.ts';

const RUNNER = `
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

int main(int argc, char **argv) {
    unsigned char *base = mmap((void *)${CODE}L, 0x200000, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (base == MAP_FAILED) { perror("mmap"); return 1; }
    FILE *file = fopen(argv[1], "rb");
    if (!file || fread(base, 1, 0x100000, file) == 0) { perror(argv[1]); return 1; }
    void (*kernel)(void) = (void (*)(void))(base + strtoul(argv[2], 0, 0));
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        kernel();
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double seconds = (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9;
        if (seconds < best) best = seconds;
    }
    printf("%.9f\\n", best);
    return argc < 3;
}
`;

export class NativeRunner {
  private readonly directory = mkdtempSync(join(tmpdir(), 'ringlab-bench-'));
  private readonly program = join(this.directory, 'runner');

  /** Undefined where this computer cannot run the code: not Linux on x86-64, or no C compiler. */
  static open(): NativeRunner | undefined {
    const compiler = spawnSync('cc', ['--version']).status === 0;
    return process.platform === 'linux' && process.arch === 'x64' && compiler
      ? new NativeRunner()
      : undefined;
  }

  private constructor() {
    const source = join(this.directory, 'runner.c');
    writeFileSync(source, RUNNER);
    execFileSync('cc', ['-O2', '-o', this.program, source]);
  }

  /** Seconds of processor time, the best of five runs. `entry` counts from the image's start. */
  seconds(image: Uint8Array, entry: number): number {
    const file = join(this.directory, 'image');
    writeFileSync(file, image);
    return Number(execFileSync(this.program, [file, String(entry)]).toString());
  }

  close(): void {
    rmSync(this.directory, { recursive: true });
  }
}
