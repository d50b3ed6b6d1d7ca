import { expect, test } from '@playwright/test';
import type { Keyboard } from './keyboard.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;
let keys: Keyboard;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  keys = lab.keys;
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
});

const pause = async () => {
  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
};
const line = () => lab.panel('Code').locator('tr[aria-current]');
const place = async () => ({ time: await lab.simulatedTime(), registers: await lab.registers() });

/** Presses a key of which time moves. @returns where it led */
async function move(key: string) {
  const before = await lab.simulatedTime();
  await keys.press(key);
  await expect.poll(() => lab.simulatedTime()).not.toBe(before);
  await expect(lab.status).toHaveText(/^(Stepped|At 0x)/);
  return place();
}

test('pauses, steps one instruction at a time, and resumes', async ({ page }) => {
  await pause();
  const time = await lab.simulatedTime();
  await page.waitForTimeout(300);
  expect(await lab.simulatedTime()).toBe(time);

  for (let i = 0; i < 5; i++) {
    await move('F11');
    await expect(line().locator('th')).toHaveText((await lab.register('rip')).toString(16).padStart(16, '0'));
  }
  await expect(lab.panel('Registers').locator('[data-register="rip"]')).toHaveAttribute(
    'data-changed',
    'true',
  );
  await keys.press('F5');
  await expect(lab.status).toHaveText('Running');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(time);
});

test('into, over and out of a procedure, and all of it backwards', async () => {
  await pause();
  await lab.toBeginning();
  // The kernel enters 64-bit mode, and calls one procedure after the other.
  await lab.addStop('Access to an MSR', { MSR: 'EFER', Access: 'write' });
  await keys.command('Panel: Registers');
  await keys.press('F5');
  await expect(lab.status).toContainText('Write of IA32_EFER');
  for (let n = 0; n < 50 && !(await line().textContent())?.includes('call'); n++) await move('F11');
  await expect(line()).toContainText('call');
  const call = await place();
  const rip = await lab.register('rip');

  const inside = await move('F11');
  await expect(line()).not.toContainText('call');
  const returned = await move('Shift+F10');
  // CALL rel32 has five bytes.
  expect(await lab.register('rip')).toBe(rip + 5n);
  expect(await move('Control+F11')).not.toEqual(call);
  expect(await move('F11')).toEqual(returned);

  expect(await move('Control+F10')).toEqual(call);
  expect(await move('F10')).toEqual(returned);
  expect(await move('Control+F10')).toEqual(call);
  expect(await move('F11')).toEqual(inside);
  await move('F11');
  expect(await move('Control+Shift+F10')).toEqual(call);
});

test('runs to the next VM exit and says which, and back to the one before', async () => {
  await pause();
  await keys.press('Shift+F11');
  await expect(lab.status).toContainText('VM exit:');
  const latest = lab.panel('Rings').locator('table tbody tr').first();
  await expect(latest).toContainText('0 → −1');
  await expect(latest).toContainText('VM exit');
  const first = await place();
  await move('F11');
  await keys.command('Time: back to the previous VM exit');
  await expect.poll(place).toEqual(first);
  await keys.command('Time: back to the previous ring crossing');
  await expect.poll(() => lab.simulatedTime()).toBeLessThan(first.time);
  await keys.command('Time: back to the previous console output');
  await expect(lab.status).toContainText('Output of VM');
});

test('a breakpoint stops the guest there in both directions, and clearing it lets it run on', async () => {
  await pause();
  // A line that comes again: where the guest stands now, after a step away from it.
  const address = `0x${(await lab.register('rip')).toString(16)}`;
  const dot = lab.panel('Code').getByRole('button', { name: `Breakpoint at ${address}`, exact: true });
  await keys.press('F9');
  await expect(dot).toHaveAttribute('aria-pressed', 'true');
  await keys.press('F5');
  await expect(lab.status).toContainText(`Breakpoint at ${address}`);
  const first = await place();
  await keys.press('F5');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(first.time);
  await expect(lab.status).toContainText(`Breakpoint at ${address}`);
  await keys.press('Control+F5');
  await expect.poll(place).toEqual(first);
  await keys.press('F9');
  await expect(dot).toHaveAttribute('aria-pressed', 'false');
  await keys.press('F5');
  await expect(lab.status).toHaveText('Running');
});

test('runs to a line of the code, and back to it', async () => {
  await pause();
  await move('F11');
  const dot = line().getByRole('button', { name: /^Breakpoint at/ });
  const name = (await dot.getAttribute('aria-label')) ?? '';
  const address = name.split(' ').at(-1) ?? '';
  const start = await lab.simulatedTime();
  await keys.reach(lab.panel('Code').getByRole('button', { name, exact: true }));
  await keys.press('Control+Enter');
  await expect(lab.status).toContainText(`At ${address}, VM`);
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(start);
  const next = await place();
  await keys.press('Control+Enter');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(next.time);
  await keys.press('Control+Shift+Enter');
  await expect.poll(place).toEqual(next);
  await expect(dot).toHaveAttribute('aria-pressed', 'false');
});

test('a button that has the focus keeps it while it can do nothing', async () => {
  await pause();
  const over = lab.button('Over');
  await keys.reach(over);
  await keys.press('F5');
  await expect(over).toBeDisabled();
  await expect(over).toBeFocused();
  const before = await lab.simulatedTime();
  await keys.press('Enter');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(before);
  await expect(lab.status).toHaveText('Running');
});

test('one machine can be paused while the other runs', async () => {
  const second = lab.machines.nth(1);
  await keys.activate(second.getByRole('button', { name: /^Pause/ }));
  await expect(second).toContainText('paused');
  const instructions = second.locator('dd').first();
  const before = await instructions.textContent();
  const first = await lab.machines.nth(0).locator('dd').first().textContent();
  await expect.poll(() => lab.machines.nth(0).locator('dd').first().textContent()).not.toBe(first);
  expect(await instructions.textContent()).toBe(before);
  await keys.activate(second.getByRole('button', { name: /^Resume/ }));
  await expect(second).not.toContainText('paused');
});
