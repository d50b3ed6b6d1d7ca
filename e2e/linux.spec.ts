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

test("Debian's cloud kernel boots in a VM to a shell that can be used, stopped and stepped, by keys alone", async ({
  page,
}) => {
  test.skip(!existsSync(join(guest, 'vmlinuz')), 'npm run guests fetches the kernel');
  test.setTimeout(600_000);
  const lab = new LabPage(page);
  const { keys } = lab;
  await lab.open();
  await keys.command('Open a kernel');
  const dialog = page.getByRole('dialog');
  await keys.chooseFile(dialog.getByLabel('Kernel', { exact: true }), join(guest, 'vmlinuz'));
  await keys.chooseFile(dialog.getByLabel('Initrd', { exact: true }), join(guest, 'initramfs.cpio'));
  await keys.fill(dialog.getByLabel('Command line'), COMMAND_LINE);
  await keys.press('Enter');
  await expect(dialog).toBeHidden({ timeout: 30_000 });
  await expect(lab.machines).toHaveCount(3);

  await expect(lab.console(3)).toContainText(PROMPT, { timeout: 500_000 });
  await keys.command('Console 3');
  await keys.type('uname -sm\n');
  await expect(lab.console(3)).toContainText('Linux x86_64', { timeout: 30_000 });

  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
  for (let i = 0; i < 3; i++) {
    await keys.press('F11');
    await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  }
  await expect(lab.panel('Registers')).toContainText('64-bit mode');
  await keys.command('Panel: Page walk');
  await expect(lab.panel('Page walk')).toContainText('4-level paging');

  // Back to where the steps began, and forwards again.
  const trail: bigint[] = [];
  for (let i = 0; i < 5; i++) {
    trail.push(await lab.register('rip'));
    await keys.press('Control+F11');
    await expect.poll(() => lab.register('rip')).not.toBe(trail.at(-1));
  }
  for (const rip of trail.reverse()) {
    await keys.press('F11');
    await expect.poll(() => lab.register('rip')).toBe(rip);
  }

  // The instruction that wrote the last entry of the page walk last; when it is executed again, the entry is as it was.
  const time = await lab.simulatedTime();
  const walk = lab.panel('Page walk');
  const entry = walk.getByRole('region', { name: /^Bits of reference/ });
  await keys.activate(walk.getByRole('button', { name: /: (PT|PD) entry/ }).last());
  const [at, raw] = await entry.locator('h2 code').allTextContents();
  await keys.activate(entry.getByRole('button', { name: 'Who wrote this?' }));
  await expect(lab.status).toContainText('Written here by this instruction', { timeout: 120_000 });
  expect(await lab.simulatedTime()).toBeLessThan(time);
  // A move whose destination is memory.
  await expect(lab.panel('Code').locator('tr[aria-current]')).toHaveText(/(mov|xchg|cmpxchg\w*) \[.*\],/);
  await page.screenshot({ path: '.cache/test/linux-who-wrote.png' });
  await keys.press('F11');
  await expect(lab.status).toContainText('Stepped VM 3 vCPU 0');
  await keys.command('Panel: Memory');
  const memory = lab.panel('Memory');
  await keys.choose(memory.getByLabel('Address space'), 'guest-physical');
  await keys.fill(memory.getByLabel('Show memory at'), at);
  await keys.press('Enter');
  const bytes = [...raw.replace(/^0x|\W/g, '').matchAll(/../g)].reverse();
  for (const [n, [byte]] of bytes.entries()) {
    await expect(memory.locator(`[data-address="${BigInt(at) + BigInt(n)}"]`)).toHaveText(byte);
  }
  await keys.command('Time: the latest instant');
  await expect.poll(() => lab.simulatedTime(), { timeout: 60_000 }).toBeGreaterThanOrEqual(time);

  await keys.press('F5');
  await keys.command('Console 3');
  await keys.type('echo $((6 * 7)) again\n');
  await expect(lab.console(3)).toContainText('42 again', { timeout: 30_000 });

  // Its first VM exit for CPUID: instructions back and forward lead to the same state.
  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
  await lab.addStop('VM exit', { Reason: 'CPUID', Machine: '3' });
  await lab.toBeginning();
  const exit = 'Stop 1: VM exit: CPUID, VM 3 vCPU 0';
  await keys.press('F5');
  await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  const state = async () => ({ time: await lab.simulatedTime(), hash: await lab.stateHash() });
  const first = await state();
  const steps = page.getByLabel('Steps', { exact: true });
  const step = async (key: string, count: number) => {
    await keys.fill(steps, String(count));
    await keys.press(key);
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
  await keys.press('F5');
  await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  expect(await state()).toEqual(first);

  // A later one: 1,000 instructions back, and 1,000 forward.
  for (let n = 0; n < LATER; n++) {
    const before = await lab.simulatedTime();
    await keys.press('F5');
    await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(before);
    await expect(lab.status).toContainText(exit, { timeout: 60_000 });
  }
  // It would end the steps forward at every CPUID before.
  const checkbox = lab.panel('Stops').getByRole('checkbox');
  await keys.command('Panel: Stops');
  await keys.reach(checkbox);
  await keys.press('Space');
  await expect(checkbox).not.toBeChecked();
  await backAndForward(1000);
});
