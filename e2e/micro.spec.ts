import { expect, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

// Many small steps, each of which is waited for.
test.setTimeout(300_000);

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
  await page.keyboard.press('F6');
  await expect(lab.status).toHaveText('Paused');
});

const FORWARD = 'Alt+F11';
const BACK = 'Alt+Shift+F11';

const current = () => lab.panel('Micro-operations').locator('tr[aria-current]');

/** Presses a key and waits until the page says where it has got: no two neighbours say the same. */
async function press(key: string): Promise<string> {
  const before = (await lab.status.textContent()) ?? '';
  await lab.page.keyboard.press(key);
  const said = await lab.page.waitForFunction((former) => {
    const text = document.querySelector('header p')?.textContent ?? '';
    return text !== former && text.startsWith('Micro-operation') ? text : null;
  }, before);
  return String(await said.jsonValue());
}

/** Presses until the page says a text. @returns what it said on the way */
async function pressUntil(key: string, text: RegExp, limit = 400): Promise<string[]> {
  const said: string[] = [];
  while (said.length < limit) {
    said.push(await press(key));
    if (text.test(said.at(-1) ?? '')) return said;
  }
  throw new Error(`not within ${limit} micro-steps: ${text}; the last ones: ${said.slice(-5).join(' | ')}`);
}

/** Everything that the page tells of where the machine is. */
async function place() {
  return {
    status: await lab.status.textContent(),
    time: await lab.simulatedTime(),
    current: await current().textContent(),
  };
}

test('a VM exit, the hypervisor and the entry, forwards and back, by keys alone', async ({ page }) => {
  await page.keyboard.press('Shift+F11');
  await expect(lab.status).toContainText('VM exit:');
  await page.keyboard.press('Control+F11');
  await expect(lab.status).toContainText('Stepped');
  const first = await press(FORWARD);
  expect(first).toContain('Micro-operation 1 of');
  const start = await place();
  const said = [first, ...(await pressUntil(FORWARD, /Load the guest's state/))];
  const text = said.join('\n');
  expect(text).toContain('VM exit:');
  expect(text).toContain('Save the guest and report the exit');
  expect(text).toContain("The hypervisor's exit handler");
  expect(text).toContain('VM entry: all checks hold');
  await expect(lab.panel('Micro-operations')).toContainText('GUEST_RIP');
  expect(await findings(page, 'main')).toEqual([]);
  for (const expected of said.slice(0, -1).reverse()) expect(await press(BACK)).toBe(expected);
  expect(await place()).toEqual(start);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('a walk in two dimensions, reference by reference, by keys alone', async ({ page }, info) => {
      // A page that EPT does not map yet, in a guest that has paging.
      await lab.addStop('VM exit', { Reason: 'EPT violation', 'Only if': 'cr0 >> 31' });
      await lab.toBeginning();
      await page.keyboard.press('F5');
      await expect(lab.status).toContainText('Stop 1: VM exit: EPT violation');
      // The hypervisor maps it and enters the guest, whose instruction comes again.
      await pressUntil(FORWARD, /Load the guest's state/);
      await pressUntil(FORWARD, /: PML4 entry/);
      const cell = lab.panel('Page walk').locator('button[aria-current="step"]');
      await expect(cell).toHaveAttribute('aria-label', /: PML4 entry/);
      const said = await pressUntil(FORWARD, /: EPT PT entry/);
      await expect(cell).toHaveAttribute('aria-label', /: EPT PT entry/);
      expect(said.filter((text) => / entry/.test(text)).length).toBeGreaterThan(4);
      const far = await place();
      for (const expected of said.slice(0, -1).reverse()) expect(await press(BACK)).toBe(expected);
      await press(BACK);
      await expect(cell).toHaveAttribute('aria-label', /: PML4 entry/);
      expect((await pressUntil(FORWARD, /: EPT PT entry/)).length).toBe(said.length);
      expect(await place()).toEqual(far);
      expect(await findings(page, 'main')).toEqual([]);
      await page.screenshot({ path: info.outputPath('micro.png') });
    });
  });
}
