import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
});

test('pauses, steps one instruction at a time, and resumes', async ({ page }) => {
  await lab.pause();
  await expect(lab.status).toHaveText('Paused');
  const time = await lab.simulatedTime();
  await page.waitForTimeout(300);
  expect(await lab.simulatedTime()).toBe(time);

  for (let i = 0; i < 5; i++) {
    const before = await lab.register('rip');
    await page.keyboard.press('F11');
    await expect(lab.status).toContainText('Stepped');
    // An instruction may repeat or jump to itself, but five in a row do not.
    await expect.poll(() => lab.register('rip'), { timeout: 2000 }).not.toBe(before);
    const current = lab.panel('Code').locator('tr[aria-current] th');
    await expect(current).toHaveText((await lab.register('rip')).toString(16).padStart(16, '0'));
  }
  await expect(lab.panel('Registers').locator('[data-register="rip"]')).toHaveAttribute(
    'data-changed',
    'true',
  );

  await page.keyboard.press('F5');
  await expect(lab.status).toHaveText('Running');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(time);
});

test('runs to the next VM exit and says which', async ({ page }) => {
  await lab.pause();
  await page.keyboard.press('Shift+F11');
  await expect(lab.status).toContainText('VM exit:');
  const latest = lab.panel('Rings').locator('table tbody tr').first();
  await expect(latest).toContainText('0 → −1');
  await expect(latest).toContainText('VM exit');
});

test('a breakpoint stops the guest there, and clearing it lets it run on', async ({ page }) => {
  await lab.pause();
  // A line that comes again: where the guest stands now, after a step away from it.
  const dot = lab.panel('Code').locator('tr[aria-current] button[aria-pressed]');
  const address = await lab.register('rip');
  await dot.click();
  await expect(
    lab.panel('Code').getByRole('button', { name: `Breakpoint at 0x${address.toString(16)}` }),
  ).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText(`Breakpoint at 0x${address.toString(16)}`);
  expect(await lab.register('rip')).toBe(address);
  await page.keyboard.press('F9');
  await expect(dot).toHaveAttribute('aria-pressed', 'false');
  await page.keyboard.press('F5');
  await expect(lab.status).toHaveText('Running');
});

test('one machine can be paused while the other runs', async () => {
  const second = lab.machines.nth(1);
  await second.getByRole('button', { name: /^Pause/ }).click();
  await expect(second).toContainText('paused');
  const instructions = second.locator('dd').first();
  const before = await instructions.textContent();
  const first = await lab.machines.nth(0).locator('dd').first().textContent();
  await expect.poll(() => lab.machines.nth(0).locator('dd').first().textContent()).not.toBe(first);
  expect(await instructions.textContent()).toBe(before);
  await second.getByRole('button', { name: /^Resume/ }).click();
  await expect(second).not.toContainText('paused');
});
