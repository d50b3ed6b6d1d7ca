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

  // Back to its last CPUID, 1,000 instructions back, and 1,000 forward: the same state.
  await lab.pause();
  await lab.show('Stops');
  await lab.panel('Stops').getByRole('button', { name: 'Add a stop…' }).focus();
  await page.keyboard.press('Enter');
  const form = lab.panel('Stops').getByRole('form', { name: 'New stop' });
  await form.getByLabel('Reason').selectOption('CPUID');
  await form.getByLabel('Machine').selectOption({ index: 3 });
  await form.getByLabel('Only if').press('Enter');
  await page.keyboard.press('Control+F5');
  await expect(lab.status).toContainText('VM exit: CPUID, VM 3 vCPU 0', { timeout: 60_000 });
  // It would end the steps forward at every CPUID before.
  await lab.panel('Stops').getByRole('checkbox').uncheck();
  await page.keyboard.press('Control+F11');
  await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  const state = async () => ({ time: await lab.simulatedTime(), registers: await lab.registers() });
  await lab.show('Registers');
  const before = await state();
  expect(before.registers.length).toBeGreaterThan(16);
  const steps = page.getByLabel('Steps', { exact: true });
  await steps.fill('1000');
  await steps.press('Control+F11');
  await expect.poll(() => lab.simulatedTime(), { timeout: 60_000 }).toBeLessThan(before.time);
  await expect.poll(() => lab.registers(), { timeout: 60_000 }).not.toEqual(before.registers);
  // While it is being searched for, time is somewhere else.
  await expect(lab.button('Step')).toBeEnabled({ timeout: 60_000 });
  await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  await page.keyboard.press('F11');
  await expect.poll(state, { timeout: 60_000 }).toEqual(before);
});
