import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

test('opens in under three seconds with both guests on their consoles', async ({ page }) => {
  const started = Date.now();
  const lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText(/\S{3}/);
  await expect(lab.console(2)).toContainText(/\S{3}/);
  expect(Date.now() - started).toBeLessThan(3000);
  await expect(lab.machines).toHaveCount(2);
});

test('writes nothing to the browser console and asks nobody but its own server', async ({
  page,
  baseURL,
}) => {
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(baseURL ?? '') && !/^(data|blob):/.test(request.url()))
      strangers.push(request.url());
  });
  await new LabPage(page).open();
  await page.waitForTimeout(1000);
  expect(complaints).toEqual([]);
  expect(strangers).toEqual([]);
});

test('works when nothing on the server answers any more', async ({ page, context }) => {
  const lab = new LabPage(page);
  await lab.open();
  await context.setOffline(true);
  await lab.pause();
  const before = await lab.simulatedTime();
  await page.keyboard.press('F5');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(before);
});
