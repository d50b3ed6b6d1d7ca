import { expect, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

/** The first bare machine (src/protocol/target.ts). */
const BARE = 101;

for (const theme of ['light', 'dark'] as const) {
  test.describe(`${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('a hypervisor on AMD-V gets a machine with AMD-V, stops at its exits, and shows its walks', async ({
      page,
    }) => {
      const lab = new LabPage(page);
      await lab.open();
      await lab.show('Editor');
      await page.getByLabel('Example', { exact: true }).selectOption('tiny-hypervisor-amd-v.asm');
      await expect(lab.panel('Editor')).toContainText('entry 0x100000');
      await lab.show('Stops');
      await lab.panel('Stops').getByRole('button', { name: 'Add a stop…' }).click();
      const form = lab.panel('Stops').getByRole('form', { name: 'New stop' });
      await form.getByLabel('Reason').selectOption('AMD-V: HLT');
      await form.getByLabel('Machine').selectOption({ index: 0 });
      await form.getByLabel('Only if').press('Enter');
      await lab.show('Editor');
      await lab.button('Run on the bare machine').click();
      await expect(lab.machines.last()).toContainText('bare machine, AMD-V');
      await expect(lab.status).toContainText('Stop 1: VM exit: HLT');
      expect(await findings(page)).toEqual([]);
      await page.screenshot({ path: `.cache/test/amd-v-${theme}.png` });
      await page.keyboard.press('F5');
      await expect(lab.console(BARE)).toContainText('Hello from ring 0, inside a VM..');
    });
  });
}
