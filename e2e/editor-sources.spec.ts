import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

const source = (page: Page) => page.getByRole('textbox', { name: 'Assembly source' });
const editor = () => lab.panel('Editor');
const outcome = () => editor().getByText('Assembled', { exact: true });
const errors = () => lab.panel('Errors').getByRole('button');
const underlined = () => editor().locator('.cm-lintRange-error:visible');

async function write(page: Page, text: string): Promise<void> {
  await source(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
}

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await lab.show('Editor');
  await expect(source(page)).toContainText('Hello from a boot sector');
});

/** `ports.inc` defines PORT_COM1: a second definition, in the header, is its error. */
const HEADER_ERROR = 'PORT_COM1 equ 1\n%include "ports.inc"\nnop\n';
/** The macro's use is wrong: `vmset` moves into RAX. */
const MACRO_ERROR = 'bits 64\n%include "vt-x.inc"\nstart: nop\n  vmset GUEST_RIP, dl\n';

test('an error in a header leads to the header, and back', async ({ page }) => {
  await write(page, HEADER_ERROR);
  await expect(errors()).toHaveCount(2);
  await expect(errors().first()).toHaveText(/^ports\.inc:\d+:1symbol 'PORT_COM1' is defined twice$/);
  await expect(errors().last()).toHaveText('2:1which includes ports.inc');
  await expect(underlined()).toHaveText('%include');
  await errors().first().click();
  const header = page.getByRole('textbox', { name: 'ports.inc, read only' });
  await expect(header).toBeFocused();
  await expect(header.locator('.cm-activeLine')).toContainText('PORT_COM1 ');
  await page.keyboard.type('x');
  await expect(header.locator('.cm-activeLine')).toHaveText(/^PORT_COM1 /);
  await expect(source(page)).toBeHidden();
  await page.keyboard.press('Escape');
  await expect(source(page)).toBeFocused();
  await errors().last().click();
  await expect(editor().locator('.cm-activeLine')).toHaveText('%include "ports.inc"');
});

test("an error in a macro names the use's line and the macro's", async ({ page }) => {
  await write(page, MACRO_ERROR);
  await expect(errors().first()).toHaveText(/^4:3no form of the instruction takes these operands$/);
  await expect(errors().last()).toHaveText(/^vt-x\.inc:\d+:\d+in the macro vmset$/);
  await expect(underlined()).toHaveText('vmset');
  await errors().last().click();
  const header = page.getByRole('textbox', { name: 'vt-x.inc, read only' });
  await expect(header.locator('.cm-activeLine')).toHaveText(/mov rax, %2/);
  await lab.button('Back to boot-sector.asm').click();
  await errors().first().click();
  await expect(source(page)).toBeFocused();
  await expect(editor().locator('.cm-activeLine')).toHaveText('  vmset GUEST_RIP, dl');
});

test('a file is opened and saved', async ({ page }) => {
  const chosen = page.waitForEvent('filechooser');
  await lab.button('Open file…').click();
  const text = 'bits 16\norg 0x7c00\nhlt ; from a file\n';
  await (await chosen).setFiles({ name: 'mine.asm', mimeType: 'text/plain', buffer: Buffer.from(text) });
  await expect(source(page)).toContainText('hlt ; from a file');
  await expect(editor()).toContainText('mine.asm');
  await expect(outcome()).toBeVisible();
  await source(page).press('Control+End');
  await page.keyboard.type('nop');
  const saved = page.waitForEvent('download');
  await lab.button('Save file').click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe('mine.asm');
  expect(await readFile(await download.path(), 'utf8')).toBe(`${text}nop`);
});

test('every example assembles', async ({ page }) => {
  const menu = page.getByLabel('Example', { exact: true });
  const names = await menu
    .getByRole('option')
    .evaluateAll((all) => all.map((option) => (option as HTMLOptionElement).value).filter(Boolean));
  expect(names.length).toBeGreaterThanOrEqual(7);
  for (const name of names) {
    await menu.selectOption(name);
    await expect(editor().locator('footer')).toContainText(name);
    await expect(outcome()).toBeVisible();
    await expect(lab.panel('Errors')).toHaveCount(0);
  }
});

test('the machines go on while a long text is assembled', async ({ page }) => {
  const buffer = Buffer.from(`bits 64\n${'mov rax, [rbx + rcx * 4 + 5]\n'.repeat(4000)}`);
  const chosen = page.waitForEvent('filechooser');
  await lab.button('Open file…').click();
  const time = await lab.simulatedTime();
  await (await chosen).setFiles({ name: 'long.asm', mimeType: 'text/plain', buffer });
  await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(time);
  await expect(editor().locator('footer')).toContainText(/20.000 bytes/);
});

for (const theme of ['light', 'dark'] as const) {
  test.describe(`${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('axe finds nothing at an error in a macro of a header', async ({ page }) => {
      await write(page, MACRO_ERROR);
      await expect(errors()).toHaveCount(2);
      expect(await findings(page)).toEqual([]);
      await errors().last().click();
      await expect(page.getByRole('textbox', { name: 'vt-x.inc, read only' })).toBeFocused();
      expect(await findings(page)).toEqual([]);
      await page.screenshot({ path: `.cache/test/editor-header-${theme}.png` });
    });
  });
}
