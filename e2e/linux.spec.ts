import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

const guest = join(import.meta.dirname, '..', '.cache', 'guests', 'cloud');
const PROMPT = '~ # ';
const COMMAND_LINE =
  'console=ttyS0 quiet nokaslr cryptomgr.notests initcall_blacklist=load_system_certificate_list';

test("Debian's cloud kernel boots in a VM to a shell that can be used, stopped and stepped", async ({
  page,
}) => {
  test.skip(!existsSync(join(guest, 'vmlinuz')), 'npm run guests fetches the kernel');
  test.setTimeout(600_000);
  const lab = new LabPage(page);
  await lab.open();
  await lab.button('Open…').click();
  await page.getByLabel('Kernel', { exact: true }).setInputFiles(join(guest, 'vmlinuz'));
  await page.getByLabel('Initrd', { exact: true }).setInputFiles(join(guest, 'initramfs.cpio'));
  await page.getByLabel('Command line').fill(COMMAND_LINE);
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByRole('dialog')).toBeHidden({ timeout: 30_000 });
  await expect(lab.machines).toHaveCount(3);

  await expect(lab.console(3)).toContainText(PROMPT, { timeout: 500_000 });
  await lab.type(3, 'uname -sm\n');
  await expect(lab.console(3)).toContainText('Linux x86_64', { timeout: 30_000 });

  await lab.pause();
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('F11');
    await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  }
  await expect(lab.panel('Registers')).toContainText('64-bit mode');
  await lab.show('Page walk');
  await expect(lab.panel('Page walk')).toContainText('4-level paging');

  // Back to where the steps began, and forwards again.
  const trail: bigint[] = [];
  for (let i = 0; i < 5; i++) {
    trail.push(await lab.register('rip'));
    await page.keyboard.press('Control+F11');
    await expect.poll(() => lab.register('rip')).not.toBe(trail.at(-1));
  }
  for (const rip of trail.reverse()) {
    await page.keyboard.press('F11');
    await expect.poll(() => lab.register('rip')).toBe(rip);
  }

  // The instruction that wrote the last entry of the page walk last.
  const time = await lab.simulatedTime();
  await lab
    .panel('Page walk')
    .getByRole('button', { name: /: (PT|PD) entry/ })
    .last()
    .click();
  await page.getByRole('button', { name: 'Who wrote this?' }).click();
  await expect(lab.status).toContainText(/Written here by/, { timeout: 120_000 });
  expect(await lab.simulatedTime()).toBeLessThan(time);
  await page.screenshot({ path: '.cache/test/linux-who-wrote.png' });
  await page.getByRole('button', { name: 'In the past' }).click();
  await expect.poll(() => lab.simulatedTime(), { timeout: 60_000 }).toBeGreaterThanOrEqual(time);

  await page.keyboard.press('F5');
  await lab.type(3, 'echo $((6 * 7)) again\n');
  await expect(lab.console(3)).toContainText('42 again', { timeout: 30_000 });
});
