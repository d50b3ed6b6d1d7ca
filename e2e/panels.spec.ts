import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText(/\S{3}/);
  await lab.pause();
});

test('the page walk of RIP shows both dimensions down to the bits', async () => {
  await lab.show('Page walk');
  const panel = lab.panel('Page walk');
  const cells = panel.getByRole('button', { name: /^Reference \d+/ });
  await expect(cells.first()).toBeVisible();
  await expect(panel).toContainText(`${await cells.count()} references`);
  await expect(panel).toContainText('host-physical');
  await cells.last().click();
  const bits = panel.getByRole('region', { name: /^Bits of reference/ });
  await expect(bits).toContainText('EPT');
  await expect(bits.getByRole('listitem').last()).toContainText('at 0x');
});

test('an address that is not mapped says which entry ends the walk', async () => {
  await lab.show('Page walk');
  const panel = lab.panel('Page walk');
  await panel.getByLabel('Linear address to walk').fill('0x7ff012345678');
  await panel.getByLabel('Linear address to walk').press('Enter');
  await expect(panel).toContainText(/entry \d+: not present/);
  await panel.getByRole('button', { name: 'Back to RIP' }).click();
  await expect(panel).not.toContainText('not present');
});

test('what is no address is marked and not sent', async () => {
  await lab.show('Page walk');
  const field = lab.panel('Page walk').getByLabel('Linear address to walk');
  await field.fill('main');
  await expect(field).toHaveAttribute('aria-invalid', 'true');
});

test('every picture has a table that says the same', async () => {
  await lab.show('Scheduler');
  await lab.panel('Scheduler').getByRole('button', { name: 'Table' }).click();
  await expect(lab.panel('Scheduler').getByRole('columnheader', { name: 'stopped because' })).toBeVisible();
  await lab.show('Host frames');
  await lab.panel('Host frames').getByRole('button', { name: 'Table' }).click();
  await expect(lab.panel('Host frames').getByRole('columnheader', { name: 'host-physical' })).toBeVisible();
  await lab.panel('Rings').getByRole('button', { name: 'Table' }).click();
  await expect(lab.panel('Rings').getByRole('columnheader', { name: 'ring', exact: true })).toBeVisible();
});

test('exits are counted by reason, for the paravirtual twin fewer of I/O and some hypercalls', async ({
  page,
}) => {
  await page.keyboard.press('F5');
  await lab.show('VM exits');
  const io = lab.panel('VM exits').getByRole('row').filter({ hasText: 'I/O instruction' });
  const number = async (cell: number) =>
    Number(((await io.getByRole('cell').nth(cell).textContent()) ?? '').replace(/\D/g, ''));
  await expect.poll(() => number(1)).toBeGreaterThan(100);
  expect(await number(2)).toBeLessThan(await number(1));
  await expect(lab.panel('VM exits').getByRole('row').filter({ hasText: 'console_write' })).toBeVisible();
});

test('host frames add up', async () => {
  await lab.show('Host frames');
  const rows = lab
    .panel('Host frames')
    .getByRole('table', { name: 'Host frames by owner' })
    .locator('tbody tr');
  const counts = await rows.locator('td:nth-of-type(1)').allInnerTexts();
  const sum = counts.map((text) => Number(text.replace(/\s/g, ''))).reduce((a, b) => a + b, 0);
  await expect(lab.panel('Host frames')).toContainText(
    new RegExp(`${sum.toString().replace(/\B(?=(\d{3})+$)/g, '\\s')} frames of`),
  );
});

test('the menu View is closed when its dialog opens', async ({ page }) => {
  await lab.button('View').click();
  await lab.button('Connect gdb…').click();
  await expect(page.getByRole('dialog', { name: 'Connect gdb' })).toBeVisible();
  await expect(page.locator('#view-menu')).toBeHidden();
});

test('panels can be closed, found again, and reset; the layout is remembered', async ({ page }) => {
  await page.getByRole('tab', { name: 'Registers' }).click();
  await page.keyboard.press('Control+Delete');
  await expect(lab.panel('Registers')).toHaveCount(0);
  await page.reload();
  await expect(lab.machines.first()).toBeVisible();
  await expect(lab.panel('Registers')).toHaveCount(0);
  await lab.button('View').click();
  await page.locator('#view-menu').getByRole('button', { name: 'Reset all panels' }).click();
  await expect(lab.panel('Registers')).toBeVisible();
});
