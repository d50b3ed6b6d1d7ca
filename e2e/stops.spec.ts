import { expect, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

test.use({ viewport: { width: 1280, height: 800 } });

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
  await lab.pause();
  await lab.show('Stops');
});

const stops = () => lab.panel('Stops').getByRole('listitem');
const add = () => lab.panel('Stops').getByRole('button', { name: 'Add a stop…' }).click();
const form = () => lab.panel('Stops').getByRole('form', { name: 'New stop' });

test('the first CPUID of a machine is stopped at forwards and backwards, by keys alone', async ({ page }) => {
  await lab.panel('Stops').getByRole('button', { name: 'Add a stop…' }).focus();
  await page.keyboard.press('Enter');
  await form().getByLabel('Reason').selectOption('CPUID');
  await form().getByLabel('Machine').selectOption({ index: 1 });
  await form().getByLabel('Only if').press('Enter');
  await expect(stops()).toHaveCount(1);
  await expect(stops().first()).toContainText('VM exit: CPUID');
  await page.getByRole('slider', { name: 'Instant' }).focus();
  await page.keyboard.press('Home');
  await expect.poll(() => lab.simulatedTime()).toBe(0);
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText('Stop 1: VM exit: CPUID, VM 1 vCPU 0');
  await expect(stops().first()).toContainText('1 hit');
  const at = await lab.simulatedTime();

  // The registers share their place with the list.
  const registers = async () => {
    await lab.show('Registers');
    const shown = lab.panel('Registers').locator('[data-register]');
    await expect(shown.first()).toBeVisible();
    const values = await shown.evaluateAll((all) =>
      all.map(({ dataset }) => `${dataset.register} ${dataset.value}`),
    );
    expect(values.length).toBeGreaterThan(8);
    await lab.show('Stops');
    return values;
  };
  const before = await registers();
  for (let i = 0; i < 100; i++) await page.keyboard.press('Control+F11');
  // There may be fewer instructions before it.
  await expect(lab.status).toContainText(/Stepped|The beginning/);
  await expect.poll(() => lab.simulatedTime()).toBeLessThan(at);
  await page.keyboard.press('F5');
  await expect(stops().first()).toContainText('2 hits');
  await expect(lab.status).toContainText('Stop 1:');
  await expect.poll(() => lab.simulatedTime()).toBe(at);
  expect(await registers()).toEqual(before);

  await page.keyboard.press('F5');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(at);
  await expect(lab.status).toContainText('Stop 1:');
  await page.keyboard.press('Control+F5');
  await expect.poll(() => lab.simulatedTime()).toBe(at);
  await expect(lab.status).toContainText('Stop 1:');
  expect(await registers()).toEqual(before);
  await expect(stops().first()).toContainText('3 hits');
});

test('an instruction by its physical address, and a read of the stack', async ({ page }) => {
  await lab.runToIdle();
  await lab.show('Registers');
  const [rip, rsp] = [await lab.register('rip'), await lab.register('rsp')];
  await lab.show('Stops');
  const set = async (kind: string, address: bigint) => {
    await add();
    await form().getByLabel('Stop at').selectOption(kind);
    await form()
      .getByLabel('Address', { exact: true })
      .fill(`0x${address.toString(16)}`);
    await form().getByLabel('Machine').selectOption({ index: 1 });
    await form().getByLabel('Only if').press('Enter');
  };
  await set('Execution by physical address', rip);
  const executed = `Execution at guest-physical 0x${rip.toString(16)}`;
  await expect(stops().first()).toContainText(executed);
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText(`Stop 2: ${executed}`);
  await lab
    .panel('Stops')
    .getByRole('button', { name: /^Remove/ })
    .click();

  // SS of an interrupt's frame, which IRETQ reads.
  await set('Read of memory', (rsp & ~15n) - 8n);
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText('Stop 3: Read of linear 0x');
});

test('what cannot be is said at its field', async () => {
  await add();
  await form().getByLabel('Stop at').selectOption('Write to memory');
  await form().getByLabel('Address', { exact: true }).fill('main');
  await form().getByRole('button', { name: 'Set' }).click();
  const address = form().getByLabel('Address', { exact: true });
  await expect(address).toHaveAttribute('aria-invalid', 'true');
  await address.fill('1000');
  await form().getByLabel('Only if').fill('rax = 1');
  await form().getByRole('button', { name: 'Set' }).click();
  await expect(form().getByRole('alert')).toContainText('column 5: "=" has no meaning here');
  await form().getByLabel('Only if').fill('rax == 1');
  await form().getByRole('button', { name: 'Set' }).click();
  await expect(stops()).toHaveCount(1);
  const condition = stops().first().getByLabel('Condition of stop 1');
  await expect(condition).toHaveValue('rax == 1');
  await condition.fill('foo');
  await condition.press('Enter');
  await expect(stops().first().getByRole('alert')).toContainText('there is no register "foo"');
  await condition.fill('');
  await condition.press('Enter');
  await expect(stops().first().getByRole('alert')).toHaveCount(0);
});

test('breakpoints of the code are in the list, and go from there', async () => {
  await lab.panel('Code').locator('tr[aria-current] button[aria-pressed]').click();
  await expect(stops().first()).toContainText('Execution at 0x');
  await stops().first().getByRole('checkbox').uncheck();
  await expect(lab.panel('Code').locator('tr[aria-current] button[aria-pressed]')).toHaveAttribute(
    'aria-pressed',
    'false',
  );
  await stops().first().getByRole('checkbox').check();
  await expect(lab.panel('Code').locator('tr[aria-current] button[aria-pressed]')).toHaveAttribute(
    'aria-pressed',
    'true',
  );
  await lab.button('Remove stop 1').click();
  await expect(stops()).toHaveCount(0);
  await expect(lab.panel('Code').locator('tr[aria-current] button[aria-pressed]')).toHaveAttribute(
    'aria-pressed',
    'false',
  );
});

test('runs to a line of the code and back to it, by mouse and by keys', async ({ page }) => {
  await page.keyboard.press('F11');
  await expect(lab.status).toContainText('Stepped');
  const line = lab.panel('Code').locator('tr[aria-current]');
  const name = (await line.getByRole('button', { name: /^Breakpoint at/ }).getAttribute('aria-label')) ?? '';
  const address = name.split(' ').at(-1) ?? '';
  const dot = lab.panel('Code').getByRole('button', { name, exact: true });
  const start = await lab.simulatedTime();
  await line.hover();
  await lab
    .panel('Code')
    .getByRole('button', { name: `Run to ${address}`, exact: true })
    .click();
  await expect(lab.status).toContainText(`At ${address}, VM`);
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(start);
  const next = await lab.simulatedTime();
  await dot.press('Control+Enter');
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(next);
  await dot.press('Control+Shift+Enter');
  await expect.poll(() => lab.simulatedTime()).toBe(next);
  await expect(dot).toHaveAttribute('aria-pressed', 'false');
  await page.screenshot({ path: '.cache/shots/stops-run-to.png' });
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`${colorScheme} theme`, () => {
    // The page opens in it: what has been drawn in another one takes a moment to follow.
    test.use({ colorScheme });

    test('is accessible', async ({ page }) => {
      expect(await findings(page)).toEqual([]);
      for (const kind of ['Write to memory', 'Load of CR3']) {
        await add();
        await form().getByLabel('Stop at').selectOption(kind);
        if (kind === 'Write to memory') await form().getByLabel('Address', { exact: true }).fill('b8000');
        await form().getByRole('button', { name: 'Set' }).click();
        await expect(form()).toHaveCount(0);
      }
      await page.keyboard.press('F9');
      await add();
      await form().getByLabel('Stop at').selectOption('Write to memory');
      await form().getByRole('button', { name: 'Set' }).click();
      await expect(form().getByRole('alert')).toBeVisible();
      await page.screenshot({ path: `.cache/shots/stops-form-${colorScheme}.png` });
      expect(await findings(page)).toEqual([]);
      await form().getByRole('button', { name: 'Cancel' }).click();
      await page.screenshot({ path: `.cache/shots/stops-${colorScheme}.png` });
      expect(await findings(page)).toEqual([]);
    });
  });
}
