import { expect, type Locator, type Page } from '@playwright/test';

/** Tab stops that a page may have between two of its controls. */
const FAR = 300;

/** The lab for somebody without a mouse: nothing gets the focus but by a key. */
export class Keyboard {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  /** The key, until the control has the focus. */
  async reach(control: Locator, key = 'Tab'): Promise<void> {
    await expect(control).toBeVisible();
    for (let n = 0; n < FAR; n++) {
      if (await control.evaluate((element) => element === document.activeElement)) return;
      await this.press(key);
    }
    throw new Error(`${key} does not lead to ${control}`);
  }

  /** Goes to a control and presses it. */
  async activate(control: Locator): Promise<void> {
    await this.reach(control);
    await this.press('Enter');
  }

  /** Replaces what a field holds. */
  async fill(field: Locator, text: string): Promise<void> {
    await this.reach(field);
    await this.press('Control+a');
    await this.type(text);
    await expect(field).toHaveValue(text);
  }

  /** Chooses an entry of a list by typing its text. */
  async choose(list: Locator, text: string): Promise<void> {
    await this.reach(list);
    await this.type(text);
    await expect(list.locator('option:checked')).toHaveText(text);
  }

  /** Answers the dialog that a file's field opens. */
  async chooseFile(field: Locator, path: string): Promise<void> {
    await this.reach(field);
    const [chooser] = await Promise.all([this.page.waitForEvent('filechooser'), this.press('Space')]);
    await chooser.setFiles(path);
  }

  /** Finds a command by its name and does it. */
  async command(name: string): Promise<void> {
    await this.press('F1');
    const palette = this.page.getByRole('dialog', { name: 'Commands' });
    await expect(palette.getByRole('combobox')).toBeFocused();
    await this.type(name);
    await expect(palette.getByRole('option', { selected: true })).toContainText(name);
    await this.press('Enter');
    await expect(palette).toBeHidden();
  }
}
