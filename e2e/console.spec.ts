import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

test('both guests answer on their own consoles, by devices and by hypercalls', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('using emulated devices');
  await expect(lab.console(2)).toContainText('using hypercalls');
  for (const vm of [1, 2]) {
    await lab.type(vm, 'ps\n');
    await expect(lab.console(vm)).toContainText('shell');
    await expect(lab.console(vm)).toContainText('primes');
  }
});

test('what was printed is still there when a console comes back', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
  await lab.button('View').click();
  await page.locator('#view-menu').getByRole('button', { name: 'Reset all panels' }).click();
  await expect(lab.console(1)).toContainText('Type help');
});

test('nothing typed is lost while the machine is paused', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('> ');
  await lab.pause();
  await lab.type(1, 'help\n');
  await page.keyboard.press('F5');
  await expect(lab.console(1)).toContainText('triple fault');
});
