import { expect, test } from '@playwright/test';
import { guestNamed } from '../src/guests/index.ts';
import { LabPage } from './lab-page.ts';

/** Bare machines are numbered from here (src/protocol/target.ts). */
const BARE = 101;

/** One of the guests of src/guests as a file in the dialog. */
async function choose(lab: LabPage, name: string): Promise<void> {
  const bytes = guestNamed(name)?.assemble().bytes;
  if (bytes === undefined) throw new Error(`no guest named ${name}`);
  await lab.button('Open…').click();
  const { page } = lab;
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: `${name}.img`, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
  await page.getByLabel('Run it').selectOption('bare');
}

test('a flat boot sector runs on a bare machine, prints, and ends with its reason', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await choose(lab, 'long-mode');
  await page.getByLabel('File format').selectOption('real');
  await page.getByLabel('Load address').fill('7c00');
  await page.getByLabel('Memory, MiB').fill('4');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(lab.console(BARE)).toContainText('Hello from 64-bit mode.', { timeout: 20_000 });
  const row = lab.machines.filter({ hasText: 'bare machine' });
  await expect(row).toContainText('Ended by the debug exit port with status 1.');
});

test("a guest's own hypervisor is seen in ring -1", async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await choose(lab, 'hypervisor');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(lab.console(BARE)).toContainText('CPUID', { timeout: 20_000 });
  const rings = lab.panel('Rings');
  await expect(
    rings.getByRole('row').filter({ hasText: 'B1' }).filter({ hasText: '0 → −1' }).first(),
  ).toBeVisible();
  await expect(
    rings.getByRole('row').filter({ hasText: 'B1' }).filter({ hasText: 'VM entry' }).first(),
  ).toBeVisible();
});

test('a machine that crashes stops alone, with its reason', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('> ');
  await lab.type(1, 'crash\n');
  await expect(lab.machines.nth(0)).toContainText(/Triple fault at 0x[0-9a-f]+ on vCPU 0/, {
    timeout: 20_000,
  });
  await lab.type(2, 'help\n');
  await expect(lab.console(2)).toContainText('triple fault');
  await lab.machines
    .nth(0)
    .getByRole('button', { name: /^Reset/ })
    .click();
  await expect(lab.machines.nth(0)).not.toContainText('Triple fault');
  await expect(lab.console(1)).toContainText('Type help and press Enter.');
  await lab.machines
    .nth(0)
    .getByRole('button', { name: /^Destroy/ })
    .click();
  await expect(lab.machines).toHaveCount(1);
});
