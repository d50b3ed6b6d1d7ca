import { expect, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('axe finds nothing in any panel or dialog', async ({ page }) => {
      const lab = new LabPage(page);
      await lab.open();
      await expect(lab.console(1)).toContainText(/\S{3}/);
      await lab.pause();
      await page.keyboard.press('F11');
      await expect(lab.status).toContainText('Stepped');
      expect(await findings(page)).toEqual([]);
      for (const tab of ['Scheduler', 'Host frames', 'VM exits', 'Tiers']) {
        await lab.show(tab);
        await expect(lab.panel(tab)).toBeVisible();
        expect(await findings(page)).toEqual([]);
      }
      for (const panel of ['Rings', 'Host frames']) {
        await lab.show(panel);
        await lab.panel(panel).getByRole('button', { name: 'Table' }).click();
      }
      expect(await findings(page)).toEqual([]);
      await lab.button('Help').click();
      await expect(page.getByRole('dialog', { name: 'Help' })).toBeVisible();
      expect(await findings(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await lab.button('Open…').click();
      await page.getByRole('button', { name: 'Start' }).click();
      await expect(page.getByRole('dialog').getByRole('alert')).toBeVisible();
      expect(await findings(page)).toEqual([]);
    });

    test('follows the system', async ({ page }) => {
      await new LabPage(page).open();
      await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme);
    });
  });
}

test('a chosen theme is kept', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await lab.button('View').click();
  await page.locator('#view-menu').getByRole('button', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('the keyboard alone reaches run control, panels and the list of keys', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await page.keyboard.press('Tab');
  await expect(lab.button('Pause')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(lab.button('Run')).toBeFocused();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Help' });
  for (const key of ['F5', 'F9', 'F10', 'F11'])
    await expect(help.getByText(key, { exact: true })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();
});

test('why the machine stopped is said aloud', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await lab.pause();
  await page.keyboard.press('F11');
  await expect(page.getByRole('status')).toContainText(/Stepped VM \d vCPU 0/);
});
