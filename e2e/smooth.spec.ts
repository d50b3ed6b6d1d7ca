import { expect, type Page, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

const MEASURED_MS = 4000;
const WINDOWS = 5;
/** What long tasks may take of the main thread's time, and frames from one to the next. */
const LONG_SHARE = 0.04;
const FRAME_MS = 20;

// Recording a trace takes pictures of the page all the time: it would be measured too.
test.use({ trace: 'off' });

test('the page stays smooth while the guests run flat out', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  // A guest that never rests: INC AX; JMP to it, in real mode.
  const buffer = Buffer.from([0x40, 0xeb, 0xfd]);
  await lab.button('Open…').click();
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: 'busy', mimeType: 'application/octet-stream', buffer });
  await page.getByLabel('File format').selectOption('real');
  await page.getByLabel('Memory, MiB').fill('1');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(lab.machines).toHaveCount(3);
  // Whatever opening cost is over after a second; from here on only running is measured.
  await page.waitForTimeout(1000);
  const before = await lab.simulatedTime();
  // A long task is one of 50 ms or more (Long Tasks API). On a busy computer a task can be long because
  // it had to wait for a processor, which is not the page's doing: so the best of a few windows counts.
  let best = await measure(page);
  for (let again = 1; again < WINDOWS && !isSmooth(best); again++) {
    const next = await measure(page);
    if (next.longShare < best.longShare) best = next;
  }
  expect(await lab.simulatedTime()).toBeGreaterThan(before);
  // It was busy indeed: the idle guests alone make some 4 M/s.
  await expect(lab.reading('instructions/s')).toContainText(/^(\d{2,3}(\.\d)?\sM|\d.*G)$/);
  expect(best.longShare, `share of long tasks: ${best.longTasks.join(', ')} ms`).toBeLessThan(LONG_SHARE);
  expect(best.medianGap, 'median ms between frames').toBeLessThan(FRAME_MS);
});

interface Smoothness {
  /** Milliseconds. */
  readonly longTasks: readonly number[];
  /** Share of the window that long tasks took. */
  readonly longShare: number;
  readonly medianGap: number;
}

const isSmooth = ({ longShare, medianGap }: Smoothness): boolean =>
  longShare < LONG_SHARE && medianGap < FRAME_MS;

async function measure(page: Page): Promise<Smoothness> {
  const { longTasks, frameGaps } = await page.evaluate(
    (milliseconds) =>
      new Promise<{ longTasks: number[]; frameGaps: number[] }>((resolve) => {
        const longTasks: number[] = [];
        const frameGaps: number[] = [];
        const observer = new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) longTasks.push(duration);
        });
        observer.observe({ type: 'longtask' });
        const start = performance.now();
        let last = start;
        const frame = () => {
          const now = performance.now();
          frameGaps.push(now - last);
          last = now;
          if (now - start < milliseconds) {
            requestAnimationFrame(frame);
            return;
          }
          observer.disconnect();
          resolve({ longTasks, frameGaps });
        };
        requestAnimationFrame(frame);
      }),
    MEASURED_MS,
  );
  const sorted = [...frameGaps].sort((a, b) => a - b);
  return {
    longTasks,
    longShare: longTasks.reduce((total, duration) => total + duration, 0) / MEASURED_MS,
    medianGap: sorted[Math.floor(sorted.length / 2)] ?? 0,
  };
}
