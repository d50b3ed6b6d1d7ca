import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await lab.button('Open…').click();
});

test('without a kernel it says what to choose', async ({ page }) => {
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('No kernel was chosen');
});

test('a memory size that is none names the range', async ({ page }) => {
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: 'k', mimeType: '', buffer: Buffer.alloc(4096) });
  await page.getByLabel('Memory, MiB').fill('lots');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('“lots” is not a memory size');
});

test('a file that is no kernel is refused with its name and what is accepted', async ({ page }) => {
  const buffer = Buffer.from('Dear diary, today I booted nothing.');
  await page.getByLabel('Command line').fill('root=/dev/diary');
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: 'diary.txt', mimeType: 'text/plain', buffer });
  await page.getByRole('button', { name: 'Start' }).click();
  const alert = page.getByRole('dialog').getByRole('alert');
  await expect(alert).toContainText('diary.txt');
  await expect(alert).toContainText('bzImage');
  // Nothing is lost: the form is still there, and so are the machines.
  await expect(page.getByLabel('Command line')).toHaveValue('root=/dev/diary');
  await page.keyboard.press('Escape');
  await expect(lab.machines).toHaveCount(2);
});

test('a dropped kernel and initrd land in their fields', async ({ page }) => {
  await page.keyboard.press('Escape');
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(2048)], 'vmlinuz'));
    data.items.add(new File(['070701'], 'root.cpio'));
    return data;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  await expect(page.getByRole('dialog')).toBeVisible();
  const name = (label: string) =>
    page.getByLabel(label, { exact: true }).evaluate((input) => (input as HTMLInputElement).files?.[0]?.name);
  await expect.poll(() => name('Kernel')).toBe('vmlinuz');
  await expect.poll(() => name('Initrd')).toBe('root.cpio');
});

test('a System.map names the addresses of a program', async ({ page }) => {
  const file = (name: string, text: string | number[]) => ({
    name,
    mimeType: '',
    buffer: Buffer.from(text as string),
  });
  // nop; L: nop; jmp L
  await page.getByLabel('Kernel', { exact: true }).setInputFiles(file('loop.bin', [0x90, 0x90, 0xeb, 0xfd]));
  await page
    .getByLabel('Symbols')
    .setInputFiles(
      file('System.map', '0000000000007c00 T first_of_all\n0000000000007c01 t round_and_round\n'),
    );
  await page.getByLabel('File format').selectOption('real');
  await page.getByLabel('Load address').fill('0x7c00');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(lab.machines).toHaveCount(3);
  await lab.keys.press('F6', 'F11');
  const code = lab.panel('Code');
  await expect(code).toContainText('first_of_all:');
  await expect(code).toContainText('round_and_round:');
  await expect(code.locator('tr', { hasText: 'jmp' })).toContainText('round_and_round');
});

test('a Linux kernel gets the command line that a serial console needs; a flat binary gets none', async ({
  page,
}) => {
  const buffer = Buffer.alloc(1024);
  buffer.write('HdrS', 0x202);
  await page.getByLabel('Kernel', { exact: true }).setInputFiles({ name: 'k', mimeType: '', buffer });
  await expect(page.getByLabel('Command line')).toHaveValue(/console=ttyS0/);
  await page.getByLabel('File format').selectOption('real');
  await expect(page.getByLabel('Command line')).toHaveCount(0);
});
