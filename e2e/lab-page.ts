import { expect, type Locator, type Page } from '@playwright/test';

/** The lab as a user meets it: what the tests look at and press. */
export class LabPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
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

  /**
   * Goes on from a pause to where the small kernel of the first machine waits, at its HLT: in ring 0, on the kernel's
   * stack. A pause alone may come in a task as well.
   */
  async runToIdle(): Promise<void> {
    await this.show('Stops');
    const panel = this.panel('Stops');
    await panel.getByRole('button', { name: 'Add a stop…' }).click();
    const form = panel.getByRole('form', { name: 'New stop' });
    await form.getByLabel('Reason').selectOption('HLT');
    await form.getByLabel('Machine').selectOption({ index: 1 });
    await form.getByLabel('Only if').press('Enter');
    await expect(panel.getByRole('listitem')).toHaveCount(1);
    await this.button('Run').click();
    await expect(this.status).toContainText('VM exit: HLT, VM 1 vCPU 0');
    await panel.getByRole('button', { name: /^Remove/ }).click();
    await expect(panel.getByRole('listitem')).toHaveCount(0);
  }

  /** Chooses an entry of a list by typing its text. */
  async choose(list: Locator, text: string): Promise<void> {
    await list.focus();
    await this.page.keyboard.type(text);
    await expect(list.locator('option:checked')).toHaveText(text);
  }

  /** The hash of the whole state, asked for with Enter. */
  async stateHash(): Promise<string> {
    const button = this.page.getByTitle(/^Hash of the whole state/);
    await button.focus();
    await this.page.keyboard.press('Enter');
    await expect(button).toHaveText(/^[0-9a-f]{16}$/);
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
