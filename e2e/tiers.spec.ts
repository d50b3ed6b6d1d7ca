import { expect, type Locator, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

/** The embedded guests look for prime numbers: their loops are soon hot. */
const HOT = { timeout: 40_000 };

const PANEL = 'section[aria-label="Tiers"]';

/** Compiled part of the instructions executed last, in percent. */
const shareOf = async (panel: Locator): Promise<number> =>
  Number.parseFloat((await panel.locator('p strong').textContent()) ?? '');

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('hot code is compiled, can be read beside its guest code, and the tier can be turned off', async ({
      page,
    }) => {
      const lab = new LabPage(page);
      await lab.open();
      await lab.show('Tiers');
      const panel = lab.panel('Tiers');
      const regions = panel.getByRole('region', { name: 'Regions' }).getByRole('button');
      await expect(regions.first()).toBeVisible(HOT);
      await expect.poll(() => shareOf(panel), HOT).toBeGreaterThan(10);
      await expect(panel.getByRole('img', { name: /^Share of instructions by tier: \d/ })).toBeVisible();

      await regions.first().focus();
      await page.keyboard.press('Enter');
      const detail = panel.getByRole('region', { name: 'Selected region' });
      const code = detail.getByRole('region', { name: 'Guest code' }).getByRole('row');
      await expect(code.nth(1)).toHaveText(/^[0-9a-f]{8,16}\s*[a-z]/);
      const wasm = detail.getByRole('region', { name: 'WebAssembly' });
      await expect(wasm).toContainText(/\(param \$\w+ i32\)/);
      await expect(wasm).toContainText(/\b(i32|i64)\.(add|sub|load|const)\b/);
      // Each guest instruction stands as a comment where its code begins, and is marked there when it is chosen.
      const second = code.nth(2);
      await second.getByRole('button').focus();
      const marked = wasm.locator('span[data-marked]').first();
      await expect(marked).toContainText(`;; ${await second.getByRole('button').textContent()}`);
      expect(await findings(page, PANEL)).toEqual([]);

      await panel.getByRole('switch', { name: 'Second tier' }).click();
      await expect(panel.getByRole('switch')).not.toBeChecked();
      await expect(page.getByRole('status')).toContainText('Second tier off');
      await expect.poll(() => shareOf(panel)).toBe(0);
      await panel.getByRole('button', { name: 'Table' }).click();
      await expect(panel.getByRole('columnheader', { name: 'interpreted' })).toBeVisible();
      expect(await findings(page, PANEL)).toEqual([]);
    });
  });
}

test('the arrow keys go through the regions', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await lab.show('Tiers');
  const regions = lab.panel('Tiers').getByRole('region', { name: 'Regions' }).getByRole('button');
  await expect(regions.nth(1)).toBeVisible(HOT);
  await lab.pause();
  await regions.first().focus();
  await page.keyboard.press('ArrowDown');
  await expect(regions.nth(1)).toBeFocused();
  await page.keyboard.press('Home');
  await expect(regions.first()).toBeFocused();
});
