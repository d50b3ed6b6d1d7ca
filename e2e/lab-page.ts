import { expect, type Locator, type Page } from '@playwright/test';
import { Keyboard } from './keyboard.ts';

const HASH = /^[0-9a-f]{16}$/;

/** The lab as a user meets it: what the tests look at and press. */
export class LabPage {
  readonly page: Page;
  readonly keys: Keyboard;

  constructor(page: Page) {
    this.page = page;
    this.keys = new Keyboard(page);
  }

  /** Opens the page with fresh settings and waits until the first machine is listed. */
  async open(): Promise<void> {
    await this.page.goto('./');
    await expect(this.machines.first()).toBeVisible({ timeout: 20_000 });
  }

  get machines(): Locator {
    return this.page.getByRole('region', { name: 'Machines', exact: true }).getByRole('listitem');
  }

  /** A docked panel by the name of its region. */
  panel(name: string): Locator {
    return this.page.getByRole('region', { name, exact: true });
  }

  /** Brings a panel to the front. */
  async show(tab: string): Promise<void> {
    await this.page.getByRole('tab', { name: tab, exact: true }).click();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** The status line: "Running", or why not. */
  get status(): Locator {
    return this.page.locator('header p');
  }

  /** The text on a machine's console, screen and scrollback as drawn. */
  console(vm: number): Locator {
    return this.page.locator(`[data-vm="${vm}"] .xterm-rows`);
  }

  async type(vm: number, text: string): Promise<void> {
    await this.page.locator(`[data-vm="${vm}"]`).click();
    await this.page.keyboard.type(text);
  }

  async pause(): Promise<void> {
    await this.button('Pause').click();
    await expect(this.button('Run')).toBeVisible();
  }

  /** The stops that are set. */
  get stops(): Locator {
    return this.panel('Stops').getByRole('listitem');
  }

  /** Sets a stop, by keys. @param fields of the form, by label; a machine by its number */
  async addStop(kind: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
    const { Machine = '1', 'Only if': condition, ...others } = fields;
    const { keys } = this;
    await keys.command('Panel: Stops');
    const before = await this.stops.count();
    await keys.press('Enter');
    const form = this.panel('Stops').getByRole('form', { name: 'New stop' });
    await keys.choose(form.getByLabel('Stop at'), kind);
    for (const [label, text] of Object.entries(others)) {
      const field = form.getByLabel(label, { exact: true });
      const isList = await field.evaluate((element) => element.tagName === 'SELECT');
      await (isList ? keys.choose(field, text) : keys.fill(field, text));
    }
    await keys.reach(form.getByLabel('Machine'));
    await keys.press('Home', ...Array.from({ length: Number(Machine) }, () => 'ArrowDown'));
    if (condition !== undefined) await keys.fill(form.getByLabel('Only if'), condition);
    await keys.activate(form.getByRole('button', { name: 'Set' }));
    await expect(form).toBeHidden();
    await expect(this.stops).toHaveCount(before + 1);
  }

  /** To the very first instant, by keys. */
  async toBeginning(): Promise<void> {
    await this.keys.command('Time: the beginning');
    await expect.poll(() => this.simulatedTime()).toBe(0);
  }

  /**
   * Goes on from a pause to where the small kernel of the first machine waits, at its HLT: in ring 0, on the kernel's
   * stack. A pause alone may come in a task as well.
   */
  async runToIdle(): Promise<void> {
    await this.addStop('VM exit', { Reason: 'HLT' });
    await this.keys.press('F5');
    await expect(this.status).toContainText('VM exit: HLT, VM 1 vCPU 0');
    await this.keys.activate(this.panel('Stops').getByRole('button', { name: /^Remove/ }));
    await expect(this.stops).toHaveCount(0);
  }

  /** The hash of the whole state, asked for by keys. */
  async stateHash(): Promise<string> {
    const button = this.page.getByTitle(/^Hash of the whole state/);
    await this.keys.command('Time: hash');
    await expect(button).toHaveText(HASH);
    return (await button.textContent()) ?? '';
  }

  /** A register's digits, e.g. `register('rip')`. */
  async register(name: string): Promise<bigint> {
    const text = await this.panel('Registers')
      .locator(`[data-register="${name}"]`)
      .getAttribute('data-value');
    return BigInt(text ?? '-1');
  }

  /** All registers that the panel shows, each with its digits. */
  async registers(): Promise<string[]> {
    const shown = this.panel('Registers').locator('[data-register]');
    return shown.evaluateAll((all) => all.map(({ dataset }) => `${dataset.register} ${dataset.value}`));
  }

  /** A reading of the toolbar by its caption. */
  reading(caption: string): Locator {
    return this.page.locator('header dl div').filter({ hasText: caption }).locator('dd');
  }

  /** Simulated time in cycles: exact, where the reading itself shows microseconds. */
  async simulatedTime(): Promise<number> {
    const title = await this.reading('simulated time').getAttribute('title');
    return Number(title?.replace(/\D/g, ''));
  }
}
