import { expect, type Locator, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

const here = /Written here by/;

/** Asks by `act`, expects an earlier instant, and goes back to the latest one. */
async function asks(act: () => Promise<void>, answer: RegExp = here): Promise<void> {
  const past = lab.page.getByRole('button', { name: 'In the past' });
  const time = await lab.simulatedTime();
  await expect(past).toHaveCount(0);
  await act();
  await expect(lab.status).toContainText(answer, { timeout: 60_000 });
  await expect(past).toBeVisible();
  expect(await lab.simulatedTime()).toBeLessThan(time);
  await past.click();
  await expect(past).toHaveCount(0);
  await expect.poll(() => lab.simulatedTime()).toBe(time);
}

const menu = (): Locator => lab.page.getByRole('menu');

test.describe('of the small kernel', () => {
  test.beforeEach(async ({ page }) => {
    lab = new LabPage(page);
    await lab.open();
    await expect(lab.console(1)).toContainText('> ');
    await lab.pause();
    await lab.runToIdle();
    await lab.show('Registers');
  });

  test('a register: by a key, and by a context menu that keys work in', async ({ page }) => {
    const panel = lab.panel('Registers');
    const value = (name: string) => panel.locator(`[data-register="${name}"]`).getByRole('button').first();
    await asks(async () => {
      await value('rbx').focus();
      await page.keyboard.press('w');
    });
    await value('rcx').click({ button: 'right' });
    const item = menu().getByRole('menuitem', { name: 'Who wrote rcx?' });
    await expect(item).toBeFocused();
    expect(await findings(page, '[role="menu"]')).toEqual([]);
    await page.keyboard.press('Escape');
    await expect(menu()).toHaveCount(0);
    await asks(async () => {
      await value('rcx').click({ button: 'right' });
      await page.keyboard.press('Enter');
    });
    await asks(async () => {
      await panel.getByRole('button', { name: 'ZF', exact: true }).focus();
      await page.keyboard.press('w');
    });
    await asks(() => panel.getByRole('button', { name: 'Who wrote gdtr?' }).press('Enter'));
    // A value that is being typed takes its letters.
    await value('rdx').press('Enter');
    await page.keyboard.type('w');
    await page.keyboard.press('Escape');
    await expect(lab.status).not.toContainText(here);
  });

  test('while the machine runs, the menu says what to do first', async ({ page }) => {
    await page.keyboard.press('F5');
    await lab.panel('Registers').locator('[data-register="rbx"]').click({ button: 'right' });
    await expect(menu()).toContainText('Pause first');
    await page.keyboard.press('Enter');
    await expect(lab.button('Pause')).toBeVisible();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${colorScheme} theme`, () => {
      test.use({ colorScheme });
      test('fields of the VMCS', async ({ page }) => {
        const panel = lab.panel('Registers');
        await panel.getByRole('button', { name: 'VMCS, VMCB', exact: true }).click();
        await expect(panel).toContainText('EXIT_QUALIFICATION');
        expect(await findings(page, '[aria-label="Registers"]')).toEqual([]);
        const row = panel.getByRole('row').filter({ hasText: 'EXIT_REASON' });
        await asks(
          () => row.getByRole('button', { name: 'Who wrote EXIT_REASON?' }).press('Enter'),
          /the VM exit for/,
        );
        await row.click({ button: 'right' });
        expect(await findings(page, '[role="menu"]')).toEqual([]);
        await asks(() => menu().getByRole('menuitem').click(), /the VM exit for/);
      });
    });
  }

  test('bytes of memory, a slot of the stack, a descriptor', async ({ page }) => {
    await lab.show('Memory');
    const cell = lab.panel('Memory').locator('[role="grid"] [tabindex="0"]');
    await asks(async () => {
      await cell.focus();
      await page.keyboard.press('w');
    });
    await cell.click({ button: 'right' });
    await expect(menu().getByRole('menuitem', { name: /^Who wrote the byte at 0x/ })).toBeVisible();
    await page.keyboard.press('Escape');

    await lab.show('Stack');
    const stack = lab.panel('Stack');
    await asks(() => stack.getByRole('button', { name: 'Who wrote the stack at +0?' }).press('Enter'));
    expect(await findings(page, '[aria-label="Stack"]')).toEqual([]);

    await lab.show('Descriptor tables');
    const tables = lab.panel('Descriptor tables');
    await tables.getByRole('row').filter({ hasText: 'code 64-bit' }).first().click({ button: 'right' });
    await asks(() =>
      menu()
        .getByRole('menuitem', { name: /^Who wrote entry/ })
        .click(),
    );
    expect(await findings(page, '[aria-label="Descriptor tables"]')).toEqual([]);
  });

  test('a character of a virtual machine: the console then ends before it', async ({ page }) => {
    const line = lab.console(1).locator('div').filter({ hasText: 'using emulated devices' });
    await chooseInLine(line, 'devices');
    await menu().getByRole('menuitem', { name: 'Who wrote "d"?' }).click();
    await expect(lab.status).toContainText(here);
    await expect(line.or(lab.console(1).locator('div').filter({ hasText: 'using emulated' }))).toHaveText(
      /using emulated\s*$/,
    );
    await expect(lab.panel('Code').locator('tr[aria-current]')).toContainText('out');
    await page.getByRole('button', { name: 'In the past' }).click();
  });
});

/** Right click in the middle of the first character of `text` in a line of a terminal. */
async function chooseInLine(line: Locator, text: string): Promise<void> {
  const box = await line.evaluate((element, wanted) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const at = (node.textContent ?? '').indexOf(wanted);
      if (at < 0) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    }
    return null;
  }, text);
  if (box === null) throw new Error(`no "${text}" in the line`);
  await lab.page.mouse.click(box.x, box.y, { button: 'right' });
}

/**
 * Screen editing, so that the order on the screen is not that of the bytes: letters are unlike, where a byte stands
 * in the text is known by its letter.
 */
const TEXT = [
  'AB',
  '\x1b[1;1HC', // over A
  '\x1b[2;1Hdefgh',
  '\x1b[2;2H\x1b[2P', // e and f go, g and h move
  '\x1b[3;1Hi\x1b[4b', // REP: five times i
  '\x1b[4;1H漢e\u0301',
  '\x1b[5;1H\x1b[1;31;42mj\x1b[0mk',
  '\x1b[6;8r\x1b[6;1Hl\x1b[7;1Hm\x1b[8;1Hn\r\n\x1b[r', // a region scrolls: m and n move up
  '\x1b7\x1b[8;1Ho\x1b8\x1b[8;3Hp',
  `\x1b[1;10H${'q'.repeat(3)}\x1b[1;10Hr`,
].join('');

/** A boot sector that prints a text; SI is then the address behind the byte that is printed. */
const BASE = 0x7c00;
const CODE = [0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x20, 0x7c, 0xba, 0xf8, 0x03];
const LOOP = [0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xeb, 0xfe];
const MESSAGE = 0x20;

/** Bytes that are printed, with the one that the next instruction prints; the register has its 16-bit name or another. */
async function printed(): Promise<number> {
  const value = await lab.panel('Registers').locator('[data-register$="si"]').getAttribute('data-value');
  return Number(value) - BASE - MESSAGE;
}

/** Bytes of the text up to and with the one that is looked for. */
const upTo = (mark: string): number => Buffer.byteLength(TEXT.slice(0, TEXT.indexOf(mark) + mark.length));

test('of a screen that was edited, each character leads to its byte', async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  const image = Buffer.alloc(1024);
  image.set([...CODE, ...LOOP]);
  image.write(TEXT, MESSAGE);
  await lab.button('Open…').click();
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: 'edit.img', mimeType: 'application/octet-stream', buffer: image });
  await page.getByLabel('Run it').selectOption('bare');
  await page.getByLabel('File format').selectOption('real');
  await page.getByLabel('Load address').fill('7c00');
  await page.getByLabel('Memory, MiB').fill('4');
  await page.getByRole('button', { name: 'Start' }).click();
  const screen = lab.console(101);
  await expect(screen).toContainText('rqq', { timeout: 20_000 });
  await lab.pause();
  const time = await lab.simulatedTime();

  const bytes: readonly (readonly [shown: string, start: string, end: number])[] = [
    ['CB', 'C', upTo('HC')],
    ['B', 'B', upTo('B')],
    ['dgh', 'd', upTo('d')],
    ['gh', 'g', upTo('g')],
    ['iiiii', 'i', upTo('i')],
    ['漢', '漢', upTo('漢')],
    ['jk', 'j', upTo('mj')],
    ['k', 'k', upTo('0mk')],
    ['m', 'm', upTo('Hm')],
    ['n', 'n', upTo('Hn')],
    ['o', 'o', upTo('Ho')],
    ['p', 'p', upTo('Hp')],
    ['rqq', 'r', upTo('Hr')],
    ['qq', 'q', upTo('qq')],
  ];
  for (const [shown, name, end] of bytes) {
    const row = screen.locator('> div').filter({ hasText: shown }).first();
    await chooseInLine(row, name);
    await menu()
      .getByRole('menuitem', { name: `Who wrote "${name}"?` })
      .click();
    await expect(lab.status).toContainText(here);
    await expect.poll(printed, { message: shown }).toBe(end);
    await page.getByRole('button', { name: 'In the past' }).click();
    await expect.poll(() => lab.simulatedTime()).toBe(time);
    await expect(screen).toContainText('rqq');
  }

  // By keys alone, in a window of another size: from the last character of the cursor's line two to the left.
  await page.setViewportSize({ width: 1200, height: 900 });
  await page.locator('[data-vm="101"] textarea').focus();
  await page.keyboard.press('Shift+F9');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(lab.status).toContainText(here);
  await expect.poll(printed).toBe(upTo('Hr'));
});
