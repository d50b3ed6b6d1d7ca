import { expect, type Page, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

/** The first bare machine (src/protocol/target.ts). */
const BARE = 101;

const PROGRAM = `bits 16
org 0x7c00
start:
mov si, text
.next: lodsb
test al, al
jz .done
mov dx, 0x3f8
out dx, al
jmp .next
.done: hlt
jmp .done
text: db "Written here.", 0
`;

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await lab.show('Editor');
  await expect(source(page)).toContainText('Hello from a boot sector');
});

const source = (page: Page) => page.getByRole('textbox', { name: 'Assembly source' });
const outcome = () => lab.panel('Editor').getByText('Assembled', { exact: true });
/** The line that runs next, as the editor marks it. */
const next = () => lab.panel('Editor').locator('.cm-line[aria-current]');

async function write(page: Page, text: string): Promise<void> {
  await source(page).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
}

async function startStopped(page: Page): Promise<void> {
  await page.getByLabel('Stop at entry').check();
  await write(page, PROGRAM);
  await expect(outcome()).toBeVisible();
  await lab.button('Run on the bare machine').click();
  await expect(next()).toHaveText('mov si, text');
}

test('an error is shown at its line; the program, put right, runs', async ({ page }) => {
  await write(page, PROGRAM.replace('lodsb', 'lodsx'));
  const error = lab.panel('Errors').getByRole('button');
  await expect(error).toHaveText(/^5:8unknown instruction 'lodsx'/);
  await expect(lab.panel('Editor').locator('.cm-lintRange-error')).toHaveText('lodsx');
  await expect(lab.button('Run in a VM')).toBeDisabled();
  await error.click();
  await expect(source(page)).toBeFocused();
  for (let i = 0; i < 5; i++) await page.keyboard.press('Delete');
  await page.keyboard.type('lodsb');
  await expect(outcome()).toBeVisible();
  await lab.button('Run on the bare machine').click();
  await expect(lab.console(BARE)).toContainText('Written here.');

  await lab.button('Run in a VM').click();
  await expect(lab.machines.filter({ hasText: 'program.asm' })).toHaveCount(0);
  await expect(lab.machines.filter({ hasText: 'boot-sector.asm' })).toHaveCount(1);
  await expect(lab.console(3)).toContainText('Written here.');

  await page.reload();
  await expect(source(page)).toContainText('Written here.', { timeout: 20_000 });
});

test('steps by source lines, also after the text was changed', async ({ page }) => {
  await startStopped(page);
  await page.keyboard.press('F11');
  await expect(next()).toHaveText('.next: lodsb');
  await page.keyboard.press('F11');
  await expect(next()).toHaveText('test al, al');
  await source(page).press('Control+Home');
  await page.keyboard.type('; a new first line\n');
  await expect(lab.panel('Editor')).toContainText('The text was changed');
  await page.keyboard.press('F11');
  await expect(next()).toHaveText('jz .done');
});

test('a breakpoint on a line stops there', async ({ page }) => {
  await write(page, PROGRAM);
  await expect(outcome()).toBeVisible();
  await source(page).press('Control+Home');
  for (let line = 1; line < 9; line++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('F9');
  await lab.button('Run on the bare machine').click();
  await expect(lab.status).toContainText('Breakpoint at 0x7c0b');
  await expect(next()).toHaveText('out dx, al');
  await page.keyboard.press('F5');
  await expect(lab.status).toContainText('Breakpoint at');
  await source(page).click();
  await next().click();
  await page.keyboard.press('F9');
  await page.keyboard.press('F5');
  await expect(lab.console(BARE)).toContainText('Written here.');
});

test('examples run where they belong', async ({ page }) => {
  await page.getByLabel('Example', { exact: true }).selectOption('tiny-hypervisor.asm');
  await expect(lab.panel('Editor')).toContainText('entry 0x100000');
  await lab.button('Run on the bare machine').click();
  await expect(lab.console(BARE)).toContainText('The guest is done.');
  await page.getByLabel('Example', { exact: true }).selectOption('paravirtual.asm');
  await expect(lab.panel('Editor')).toContainText('entry 0x100000');
  await lab.button('Run in a VM').click();
  await expect(lab.console(3)).toContainText('Yielding took');
});

test('the keyboard alone is enough: in, out, and on to the buttons', async ({ page }) => {
  await source(page).focus();
  await page.keyboard.press('Control+End');
  await page.keyboard.press('Tab');
  await expect(source(page)).toBeFocused();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect(source(page)).not.toBeFocused();
  await lab.button('Run on the bare machine').focus();
  await page.keyboard.press('Enter');
  await expect(lab.console(BARE)).toContainText('Hello from real mode.');
});

for (const theme of ['light', 'dark'] as const) {
  test.describe(`${theme} theme`, () => {
    // The page opens in it: what has been drawn in another one takes a moment to follow.
    test.use({ colorScheme: theme });

    test('axe finds nothing', async ({ page }) => {
      await startStopped(page);
      expect(await findings(page)).toEqual([]);
      await page.screenshot({ path: `.cache/test/editor-${theme}.png` });
      await write(page, PROGRAM.replace('lodsb', 'lodsx'));
      await expect(lab.panel('Errors')).toBeVisible();
      expect(await findings(page)).toEqual([]);
      await page.screenshot({ path: `.cache/test/editor-${theme}-error.png` });
    });
  });
}
