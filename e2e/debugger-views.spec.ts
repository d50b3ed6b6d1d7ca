import { expect, type Locator, test } from '@playwright/test';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

let lab: LabPage;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  await lab.open();
  await expect(lab.console(1)).toContainText('> ');
  await lab.pause();
  await lab.runToIdle();
  await lab.show('Registers');
});

const cell = (panel: Locator, address: bigint) => panel.locator(`[data-address="${address}"]`);

/** Data of the small kernel, mapped alike for all its tasks. */
const DATA = 0x10a000n;

test('memory follows a register, is walked by keys, and takes typed bytes', async ({ page }) => {
  const rsp = await lab.register('rsp');
  await lab.show('Memory');
  const panel = lab.panel('Memory');
  await expect(panel.getByRole('grid')).toBeVisible();
  await expect(panel.getByRole('rowheader').first()).toHaveText(
    (rsp - (rsp % 16n)).toString(16).padStart(8, '0'),
  );
  await panel.getByRole('button', { name: 'follows rsp' }).click();
  await expect(panel.getByRole('button', { name: 'follows rsp' })).toHaveCount(0);
  const field = panel.getByLabel('Show memory at');
  await field.fill('10a000');
  await field.press('Enter');
  await cell(panel, DATA).click();
  await page.keyboard.press('ArrowDown');
  await expect(cell(panel, DATA + 16n)).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await expect(cell(panel, DATA - 16n)).toBeFocused();
  const before = await cell(panel, DATA - 16n).textContent();
  const typed = before === '5a' ? 'a5' : '5a';
  await page.keyboard.type(typed);
  await page.keyboard.press('Enter');
  await expect(cell(panel, DATA - 16n)).toContainText(typed);
  await expect(cell(panel, DATA - 16n)).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.type('77');
  await page.keyboard.press('Escape');
  await expect(cell(panel, DATA - 16n)).toContainText(typed);
  await page.keyboard.press('PageDown');
  await expect(cell(panel, DATA - 16n)).toHaveCount(0);

  await panel.getByRole('button', { name: '8 bytes a cell' }).click();
  await field.fill('0x109ff0');
  await field.press('Enter');
  await expect(cell(panel, DATA - 16n)).toHaveText(new RegExp(`^[0-9a-f]{14}${typed}`));
  expect(await findings(page, '[aria-label="Memory"]')).toEqual([]);

  await field.fill('0x7ff012345678');
  await field.press('Enter');
  await expect(panel).toContainText(/no memory: #PF: .* not present/);
  await field.fill('no register');
  await expect(field).toHaveAttribute('aria-invalid', 'true');
});

test('registers and flags are changed in place; what the processor refuses is said', async ({ page }) => {
  const panel = lab.panel('Registers');
  const rbx = panel.locator('[data-register="rbx"]');
  await rbx.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('1234abcd');
  await page.keyboard.press('Enter');
  await expect(rbx).toHaveAttribute('data-value', String(0x1234abcd));
  await expect(rbx.getByRole('button')).toBeFocused();

  const flags = await lab.register('rflags');
  await panel.getByRole('button', { name: 'CF', exact: true }).click();
  await expect.poll(() => lab.register('rflags')).toBe(flags ^ 1n);

  await panel.locator('[data-register="rip"]').getByRole('button').dblclick();
  await page.keyboard.type('800000000000');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('The address is not canonical.');
  await page
    .getByRole('button', { name: /Dismiss|Close/ })
    .first()
    .click();

  for (const name of ['System', 'x87, SSE']) {
    await panel.getByRole('button', { name, exact: true }).click();
    await expect(panel).toContainText(name === 'System' ? 'ia32_lstar' : 'xmm15');
    expect(await findings(page, '[aria-label="Registers"]')).toEqual([]);
  }
  await panel.getByLabel('XMM registers as').selectOption('f64x2');
  await expect(panel.getByRole('table', { name: /^XMM registers/ }).getByRole('columnheader')).toHaveCount(3);
  // A lane in its own notation, an x87 register with sign and exponent, a control word; by keys.
  const edit = async (name: string, old: string, text: string) => {
    await lab.keys.activate(panel.getByRole('button', { name: `${name} ${old}`, exact: true }));
    await lab.keys.type(text);
    await lab.keys.press('Enter');
    return panel.getByRole('button', { name: new RegExp(`^${name} `) });
  };
  await expect(await edit('st1', '0'.repeat(20), 'bfffc000000000000000')).toHaveText(/^st1 bfffc0/);
  await expect(panel.locator('[data-register="st1"]')).toContainText('-1.5');
  await expect(await edit('xmm0, lane 0', '0', '-1.5e300')).toHaveText(/^xmm0, lane 0 -1.5e\+300/);
  await expect(await edit('mxcsr', '00001f80', '9f80')).toHaveText(/^mxcsr 00009f80/);
  await panel.getByRole('button', { name: /^mxcsr / }).press('w');
  await expect(lab.status).toContainText('an edit');
  expect(await findings(page, '[aria-label="Registers"]')).toEqual([]);

  await page.keyboard.press('F5');
  await panel.getByRole('button', { name: 'General' }).click();
  await panel.getByRole('button', { name: 'ZF', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('The machine is running.');
});

test('the stack says what its values may be, and leads to code', async ({ page }) => {
  await lab.show('Stack');
  const panel = lab.panel('Stack');
  const values = panel.getByRole('table', { name: 'Values on the stack from its top upwards' });
  await expect(values.getByRole('columnheader', { name: 'likely a' })).toBeVisible();
  await expect(values.getByRole('row').nth(1).getByRole('rowheader')).toHaveText('+0');
  await expect(panel.getByRole('region', { name: 'Calls' })).toContainText('runs next');
  expect(await findings(page, '[aria-label="Stack"]')).toEqual([]);
  const code = lab.panel('Code');
  await code.getByLabel('Disassemble at address').fill('100c00');
  await code.getByLabel('Disassemble at address').press('Enter');
  await expect(code.getByRole('button', { name: 'Back to RIP' })).toBeVisible();
  await panel.getByRole('region', { name: 'Calls' }).getByRole('button').first().click();
  await expect(code.getByRole('button', { name: 'Back to RIP' })).toHaveCount(0);
});

test('descriptor tables are decoded down to the bits', async ({ page }) => {
  await lab.show('Descriptor tables');
  const panel = lab.panel('Descriptor tables');
  const row = panel.getByRole('row').filter({ hasText: 'code 64-bit' }).first();
  await expect(row).toContainText('yes');
  await row.getByRole('button', { expanded: false }).press('Enter');
  const bits = panel.getByRole('region', { name: /^Bits of/ });
  await expect(bits.getByRole('listitem').filter({ hasText: '64-bit code' })).toContainText('53');
  expect(await findings(page, '[aria-label="Descriptor tables"]')).toEqual([]);
  await panel.getByRole('button', { name: 'IDT', exact: true }).click();
  await expect(panel.getByRole('row').filter({ hasText: '14 #PF' })).toContainText('gate');
});

test('devices tell of masks, requests and timers', async ({ page }) => {
  await lab.show('Devices');
  const panel = lab.panel('Devices');
  const requests = panel.getByRole('table', { name: 'Interrupt requests' });
  await expect(requests.getByRole('row').filter({ hasText: 'com1' })).toContainText('IRQ 4');
  await expect(panel.getByRole('region', { name: 'Timer 8254 (PIT)' })).toContainText('rate generator');
  expect(await findings(page, '[aria-label="Devices"]')).toEqual([]);
});

test('the instruction that runs next, or is pointed at, is explained', async ({ page }) => {
  const code = lab.panel('Code');
  const explained = code.getByRole('region', { name: 'Instruction explained' });
  await expect(explained.getByRole('list', { name: 'Encoding' })).toContainText('opcode');
  const other = code.getByRole('table').locator('tbody tr:not([aria-current])').last();
  await other.getByRole('button', { name: /^Breakpoint/ }).focus();
  await expect(explained).toContainText(
    BigInt(`0x${await other.getByRole('rowheader').textContent()}`).toString(16),
  );
  expect(await findings(page, '[aria-label="Code"]')).toEqual([]);
});
