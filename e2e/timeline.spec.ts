import { expect, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import type { Keyboard } from './keyboard.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;
let keys: Keyboard;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  keys = lab.keys;
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
});

test('steps back as far as it stepped, by keys alone', async () => {
  // The first one may begin in the middle of a wait.
  await keys.press('F11');
  await expect(lab.status).toContainText('Stepped');
  const seen: bigint[] = [];
  for (let i = 0; i < 6; i++) {
    seen.push(await lab.register('rip'));
    await keys.press('F11');
    await expect(lab.status).toContainText('Stepped');
    await expect.poll(() => lab.register('rip')).not.toBe(seen.at(-1));
  }
  for (const rip of seen.reverse()) {
    await keys.press('Control+F11');
    await expect.poll(() => lab.register('rip')).toBe(rip);
  }
});

test('many steps are counted, the step key does not begin them anew, and Pause ends them', async ({
  page,
}) => {
  await keys.fill(page.getByRole('spinbutton', { name: 'Steps' }), '1000000');
  await keys.press('F11');
  await expect(lab.status).toHaveText(/^Stepping: [\d\s]+ of 1\s000\s000$/);
  const made = async () => Number((await lab.status.textContent())?.split(' of ')[0].replace(/\D/g, ''));
  await expect.poll(made).toBeGreaterThan(0);
  const before = await made();
  await keys.press('F11');
  await keys.press('Control+F11');
  await expect.poll(made).toBeGreaterThan(before);
  await expect(lab.button('Pause')).toHaveAttribute('title', 'End the steps here (F6)');
  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
});

test('goes back to the last VM exit, and to the one before', async ({ page }) => {
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await expect(timeline.getByRole('combobox', { name: 'What to go back to' })).toHaveValue('vm-exit');
  const previous = timeline.getByRole('button', { name: 'To previous' });
  await keys.activate(previous);
  await expect(lab.status).toContainText('VM exit:');
  const first = await lab.simulatedTime();
  await keys.activate(previous);
  await expect.poll(() => lab.simulatedTime()).toBeLessThan(first);
  await expect(lab.status).toContainText('VM exit:');
  // Forwards again it is the same one.
  await keys.press('Shift+F11');
  await expect.poll(() => lab.simulatedTime()).toBe(first);
});

test('the line leads to any instant and back, and the console shows what was there then', async ({
  page,
}) => {
  const line = page.getByRole('slider', { name: 'Instant' });
  const text = () => lab.console(1).textContent();
  const end = await lab.simulatedTime();
  const latest = await text();
  expect(latest).toContain('Type help');
  await keys.reach(line);
  await keys.press('Home');
  await expect(lab.status).toHaveText('At an earlier instant');
  await expect.poll(() => lab.simulatedTime()).toBe(0);
  await expect(lab.console(1)).not.toContainText('Type help');
  await keys.activate(page.getByRole('button', { name: 'In the past' }));
  await expect.poll(() => lab.simulatedTime()).toBe(end);
  await expect.poll(text).toBe(latest);
});

test('goes to the instruction that wrote a register last', async ({ page }) => {
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await keys.choose(timeline.getByRole('combobox', { name: 'What to go back to' }), 'write to…');
  const place = timeline.getByRole('textbox', { name: 'Register, field or address that was written' });
  await keys.fill(place, 'rbx');
  await keys.press('Enter');
  await expect(lab.status).toContainText('Written here');
  await expect(lab.panel('Code').locator('tr[aria-current]')).toContainText(/[er]?b[xl]/);
  await keys.fill(place, 'rqq');
  await keys.press('Enter');
  await expect(page.getByRole('alert')).toContainText('No register that can be searched for is called rqq.');
});

test('typing into the past begins another history; the old one stays', async ({ page }) => {
  const line = page.getByRole('slider', { name: 'Instant' });
  await keys.reach(line);
  await keys.press('PageDown');
  await keys.press('PageDown');
  await expect(page.getByRole('button', { name: 'In the past' })).toBeEnabled();
  await keys.command('Console 1');
  await keys.type('help\n');
  await expect(page.getByRole('combobox', { name: 'Other histories' })).toBeVisible();
  await keys.press('F5');
  await expect(lab.console(1)).toContainText('triple fault');
});

for (const scheme of ['light', 'dark'] as const) {
  test.describe(`${scheme} theme`, () => {
    // The page opens in it: what has been drawn in another one takes a moment to follow.
    test.use({ colorScheme: scheme });

    test('is accessible in the past', async ({ page }) => {
      await keys.reach(page.getByRole('slider', { name: 'Instant' }));
      await keys.press('Home');
      await expect(page.getByRole('button', { name: 'In the past' })).toBeEnabled();
      await page.screenshot({ path: `.cache/test/timeline-${scheme}.png` });
      expect(await findings(page)).toEqual([]);
    });
  });
}
