import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

declare global {
  interface Window {
    longTasks: number[];
    frameGaps: number[];
  }
}

const MEASURED_MS = 5000;

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
  await page.evaluate(() => {
    window.longTasks = [];
    window.frameGaps = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(duration);
    }).observe({ type: 'longtask' });
    let last = performance.now();
    const frame = () => {
      const now = performance.now();
      window.frameGaps.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const before = await lab.simulatedTime();
  await page.waitForTimeout(MEASURED_MS);
  const { longTasks, frameGaps } = await page.evaluate(() => ({
    longTasks: window.longTasks,
    frameGaps: window.frameGaps,
  }));
  expect(await lab.simulatedTime()).toBeGreaterThan(before);
  // It was busy indeed: the idle guests alone make some 4 M/s.
  await expect(lab.reading('instructions/s')).toContainText(/^(\d{2,3}(\.\d)?\sM|\d.*G)$/);
  // A long task is one of 50 ms or more (Long Tasks API). On a busy computer a task can be long because
  // it had to wait for a processor: a few such are not the page's doing, a share of the time would be.
  const sum = longTasks.reduce((total, duration) => total + duration, 0);
  expect(sum / MEASURED_MS, `long tasks of ${longTasks.join(', ')} ms`).toBeLessThan(0.04);
  const sorted = [...frameGaps].sort((a, b) => a - b);
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(20);
});
