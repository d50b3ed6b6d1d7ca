import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { LabPage } from './lab-page.ts';

const guest = join(import.meta.dirname, '..', '.cache', 'guests', 'cloud');
const PROMPT = '~ # ';
/** Of Linux' exits for CPUID, so many are among its first 1,000 instructions or nearly so. */
const LATER = 12;
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

  // The instruction that wrote the last entry of the page walk last; when it is executed again, the entry is as it was.
  const time = await lab.simulatedTime();
  const entry = lab.panel('Page walk').getByRole('region', { name: /^Bits of reference/ });
  await lab
    .panel('Page walk')
    .getByRole('button', { name: /: (PT|PD) entry/ })
    .last()
    .press('Enter');
  const [at, raw] = await entry.locator('h2 code').allTextContents();
  await entry.getByRole('button', { name: 'Who wrote this?' }).press('Enter');
  await expect(lab.status).toContainText('Written here by this instruction', { timeout: 120_000 });
  expect(await lab.simulatedTime()).toBeLessThan(time);
  // A move whose destination is memory.
  await expect(lab.panel('Code').locator('tr[aria-current]')).toHaveText(/(mov|xchg|cmpxchg\w*) \[.*\],/);
  await page.screenshot({ path: '.cache/test/linux-who-wrote.png' });
  await page.keyboard.press('F11');
  await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  await lab.show('Memory');
  const memory = lab.panel('Memory');
  await lab.choose(memory.getByLabel('Address space'), 'guest-physical');
  await memory.getByLabel('Show memory at').fill(at);
  await memory.getByLabel('Show memory at').press('Enter');
  const bytes = [...raw.replace(/^0x|\W/g, '').matchAll(/../g)].reverse();
  for (const [n, [byte]] of bytes.entries()) {
    await expect(memory.locator(`[data-address="${BigInt(at) + BigInt(n)}"]`)).toHaveText(byte);
  }
  await page.getByRole('button', { name: 'In the past' }).press('Enter');
  await expect.poll(() => lab.simulatedTime(), { timeout: 60_000 }).toBeGreaterThanOrEqual(time);

  await page.keyboard.press('F5');
  await lab.type(3, 'echo $((6 * 7)) again\n');
  await expect(lab.console(3)).toContainText('42 again', { timeout: 30_000 });

  // Its first VM exit for CPUID: instructions back and forward lead to the same state.
  await lab.pause();
  await lab.show('Stops');
  await lab.panel('Stops').getByRole('button', { name: 'Add a stop…' }).press('Enter');
  const form = lab.panel('Stops').getByRole('form', { name: 'New stop' });
  await lab.choose(form.getByLabel('Reason'), 'CPUID');
  await form.getByLabel('Machine').focus();
  await page.keyboard.press('End');
  await form.getByLabel('Only if').press('Enter');
  await page.getByRole('slider', { name: 'Instant' }).press('Home');
  await expect.poll(() => lab.simulatedTime()).toBe(0);
  const exit = 'Stop 1: VM exit: CPUID, VM 3 vCPU 0';
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  await lab.show('Registers');
  const state = async () => ({ time: await lab.simulatedTime(), hash: await lab.stateHash() });
  const first = await state();
  const steps = page.getByLabel('Steps', { exact: true });
  const step = async (key: string, count: number) => {
    await steps.fill(String(count));
    await page.keyboard.press(key);
    // While it is being searched for, time is somewhere else.
    await expect(lab.button('Step')).toBeEnabled({ timeout: 60_000 });
    await expect(lab.status).toHaveText('Stepped VM 3 vCPU 0', { timeout: 60_000 });
  };
  /** From an exit to the instruction that made it, so many instructions back and forward. */
  const backAndForward = async (count: number) => {
    await step('Control+F11', 1);
    const before = await state();
    await step('Control+F11', count);
    expect((await state()).hash).not.toBe(before.hash);
    await step('F11', count);
    expect(await state()).toEqual(before);
  };
  // There are not many before it.
  await backAndForward(20);
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  expect(await state()).toEqual(first);

  // A later one: 1,000 instructions back, and 1,000 forward.
  for (let n = 0; n < LATER; n++) {
    const before = await lab.simulatedTime();
    await page.keyboard.press('F5');
    await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(before);
    await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  }
  // It would end the steps forward at every CPUID before.
  await lab.show('Stops');
  await lab.panel('Stops').getByRole('checkbox').press('Space');
  await expect(lab.panel('Stops').getByRole('checkbox')).not.toBeChecked();
  await backAndForward(1000);
});
