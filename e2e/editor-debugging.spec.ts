import { expect, type Page, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

/** The first bare machine (src/protocol/target.ts). */
const BARE = 101;

/** Prints "ab" and stops; `put` makes three instructions of a line. */
const PROGRAM = `bits 16
org 0x7c00
%macro put 1
  mov dx, 0x3f8
  mov al, %1
  out dx, al
%endmacro
start:
  put 'a'
  put 'b'
done: hlt
  jmp done
`;

let lab: LabPage;

const source = (page: Page) => page.getByRole('textbox', { name: 'Assembly source' });
const editor = () => lab.panel('Editor');
const next = () => editor().locator('.cm-line[aria-current]');
/** The gutter also has a hidden one, which keeps its width. */
const dots = () => editor().locator('.cm-breakpoints .cm-gutterElement:text-matches("[●○]"):visible');
/** Clicks at a line's place in the gutter of breakpoints; lines without one have no element there. */
async function clickGutter(page: Page, line: number): Promise<void> {
  const gutter = await editor().locator('.cm-breakpoints').boundingBox();
  const text = await editor()
    .locator('.cm-line')
    .nth(line - 1)
    .boundingBox();
  if (gutter === null || text === null) throw new Error(`line ${line} is not on the screen`);
  await page.mouse.click(gutter.x + gutter.width / 2, text.y + text.height / 2);
}

async function startStopped(page: Page, where = 'Run on the bare machine'): Promise<void> {
  const { keys } = lab;
  await keys.command('Panel: Editor');
  await keys.reach(page.getByLabel('Stop at entry'));
  await keys.press('Space');
  await keys.reach(source(page));
  await keys.press('Control+a');
  await page.keyboard.insertText(PROGRAM);
  await expect(editor().getByText('Assembled', { exact: true })).toBeVisible();
  await keys.command('Panel: Editor');
  await keys.activate(lab.button(where));
  await expect(next()).toHaveText("  put 'a'");
}

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await lab.show('Editor');
  await expect(source(page)).toContainText('Hello from a boot sector');
});

test('gutter, code and list of stops show the same breakpoints', async ({ page }) => {
  await startStopped(page);
  await clickGutter(page, 10);
  await expect(dots()).toHaveText(['●']);
  await lab.show('Stops');
  const stops = lab.panel('Stops').getByRole('listitem');
  await expect(stops).toHaveCount(1);
  await expect(stops).toContainText('0x7c06');

  // Set in the panel Code, at the HLT: the gutter has it too.
  const atHlt = lab.panel('Code').getByRole('button', { name: 'Breakpoint at 0x7c0c' });
  await expect(lab.panel('Code').getByRole('button', { name: 'Breakpoint at 0x7c06' })).toHaveAttribute(
    'aria-pressed',
    'true',
  );
  await atHlt.click();
  await expect(dots()).toHaveCount(2);
  await expect(stops).toHaveCount(2);

  // A disabled one is hollow, a removed one is gone.
  await stops.filter({ hasText: '0x7c0c' }).getByRole('checkbox').click();
  await expect(dots()).toHaveText(['●', '○']);
  await clickGutter(page, 11);
  await expect(dots()).toHaveText(['●']);
  await expect(stops).toHaveCount(1);
  await expect(atHlt).toHaveAttribute('aria-pressed', 'false');

  await page.keyboard.press('F5');
  await expect(next()).toHaveText("  put 'b'");

  // What is started next has the breakpoints that the gutter shows.
  await page.getByLabel('Stop at entry').uncheck();
  await lab.button('Run on the bare machine').click();
  await expect(lab.status).toContainText('Breakpoint at 0x7c06');
  await expect(dots()).toHaveText(['●']);
});

test('steps by line, there and back, and runs to the cursor, by keys alone', async ({ page }) => {
  await startStopped(page);
  await lab.keys.reach(source(page));
  await page.keyboard.press('F10');
  await expect(next()).toHaveText("  put 'b'");
  await expect(lab.console(BARE)).toHaveText(/^\s*a\s*$/);
  await page.keyboard.press('F10');
  await expect(next()).toHaveText('done: hlt');
  await page.keyboard.press('Control+F10');
  await expect(next()).toHaveText("  put 'b'");
  await page.keyboard.press('Control+F10');
  await expect(next()).toHaveText("  put 'a'");
  await expect(lab.console(BARE)).toHaveText(/^\s*$/);

  await page.keyboard.press('Control+End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Control+Enter');
  await expect(next()).toHaveText('done: hlt');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Control+Shift+Enter');
  await expect(next()).toHaveText("  put 'b'");
});

test('in a virtual machine the first instruction is shown before it is executed', async ({ page }) => {
  await startStopped(page, 'Run in a VM');
  await expect(lab.status).toContainText('At 0x7c00, VM 3 vCPU 0');
  await expect(lab.panel('Registers').locator('[data-register$="ip"]')).toContainText(/7c00$/);
  await lab.keys.reach(source(page));
  await page.keyboard.press('F10');
  await expect(next()).toHaveText("  put 'b'");
  await expect(lab.console(3)).toHaveText(/^\s*a\s*$/);
  await page.keyboard.press('Control+F10');
  await expect(next()).toHaveText("  put 'a'");
  await expect(lab.console(3)).toHaveText(/^\s*$/);
});

test('steps by line with buttons', async ({ page }) => {
  await startStopped(page);
  await lab.button('Step a line').click();
  await expect(next()).toHaveText("  put 'b'");
  await lab.button('Step a line back').click();
  await expect(next()).toHaveText("  put 'a'");
  await source(page).press('Control+End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await lab.button('Run to the cursor').click();
  await expect(next()).toHaveText('done: hlt');
});

test('code of a header is shown where it stands', async ({ page }) => {
  await page.getByLabel('Stop at entry').check();
  await page.getByLabel('Example', { exact: true }).selectOption('tiny-hypervisor.asm');
  await expect(editor()).toContainText('entry 0x100000');
  await lab.button('Run on the bare machine').click();
  await expect(next()).toHaveText(/^start: {2}vmx_on/);
  await source(page).focus();
  await page.keyboard.press('F10');
  await expect(next()).toHaveText(/vmx_controls PIN_BASED_CONTROLS/);
});

for (const theme of ['light', 'dark'] as const) {
  test.describe(`${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('axe finds nothing while a program is stepped', async ({ page }) => {
      await startStopped(page);
      await clickGutter(page, 10);
      await expect(dots()).toHaveCount(1);
      expect(await findings(page)).toEqual([]);
      await page.screenshot({ path: `.cache/test/editor-debugging-${theme}.png` });
    });
  });
}
