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
});

const palette = () => lab.page.getByRole('dialog', { name: 'Commands' });

test('finds commands by name, does them, and leads into panels and consoles', async ({ page }) => {
  await keys.command('Pause');
  await expect(lab.status).toHaveText('Paused');
  await keys.command('Stops');
  await expect(lab.panel('Stops').getByRole('button', { name: 'Add a stop…' })).toBeFocused();
  await keys.command('Theme: Dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await keys.command('Run');
  await expect(lab.status).toHaveText('Running');
  await keys.command('Console 1');
  await keys.type('help\n');
  await expect(lab.console(1)).toContainText('triple fault');
  // Out of a console again: it takes Tab and Ctrl+K for its guest, but not F1.
  await keys.press('Control+k');
  await expect(palette()).toBeHidden();
  await keys.press('F1');
  await expect(palette()).toBeVisible();
  await keys.press('Escape');
  await expect(palette()).toBeHidden();
});

test('opens with Ctrl+K, says when nothing is called so, and keeps another dialog', async () => {
  await keys.press('Control+k');
  await keys.type('zzz');
  await expect(palette()).toContainText('Nothing is called so.');
  await keys.press('Escape');
  await keys.command('Open a kernel');
  await keys.fill(lab.page.getByLabel('Memory, MiB'), '77');
  await keys.press('F1');
  await expect(lab.page.getByLabel('Memory, MiB')).toHaveValue('77');
  await expect(palette()).toBeHidden();
});

test('a console that was closed comes back', async ({ page }) => {
  const tab = page.getByRole('tab', { name: /^Console 2/ });
  await keys.command('Console 2');
  await keys.reach(tab, 'F8');
  await keys.press('Control+Delete');
  await expect(tab).toHaveCount(0);
  await keys.command('Console 2');
  await expect(tab).toHaveCount(1);
  await expect(lab.console(2)).toContainText('Type help');
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`${colorScheme} theme`, () => {
    // The page opens in it: what has been drawn in another one takes a moment to follow.
    test.use({ colorScheme });

    test('is accessible', async ({ page }) => {
      await keys.press('F1');
      await expect(palette().getByRole('combobox')).toBeFocused();
      await page.screenshot({ path: `.cache/shots/palette-${colorScheme}.png` });
      expect(await findings(page)).toEqual([]);
      await keys.type('step back');
      await page.screenshot({ path: `.cache/shots/palette-found-${colorScheme}.png` });
      expect(await findings(page)).toEqual([]);
    });
  });
}
