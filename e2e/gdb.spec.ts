/** gdb itself, at a machine of the page, by way of `ringlab bridge`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, type Page, test } from '@playwright/test';
import { assemble } from '../src/isa/assembler/index.ts';
import { findings } from './accessibility.ts';
import { LabPage } from './lab-page.ts';

const hasGdb = spawnSync('gdb', ['--version']).status === 0;
test.skip(!hasGdb, 'gdb is not installed');

/** A program or gdb that is talked to by lines. */
class Talk {
  readonly process: ChildProcess;
  text = '';
  #look: () => void = () => {};

  constructor(program: string, options: readonly string[]) {
    this.process = spawn(program, options, { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.text += data.toString();
        this.#look();
      });
    }
  }

  /** Resolves when the output has it, with what it has found. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      this.#look = () => {
        const found = pattern.exec(this.text);
        if (found !== null) resolve(found);
      };
      this.#look();
    });
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await once(this.process, 'exit');
  }
}

/** gdb, a command at a time. */
class Gdb extends Talk {
  #count = 0;

  constructor() {
    super('gdb', ['-nx', '-q', '-ex', 'set pagination off', '-ex', 'set confirm off']);
  }

  /** What gdb prints about a command. */
  async ask(command: string): Promise<string> {
    const mark = `done-${++this.#count}`;
    this.text = '';
    this.say(command);
    this.say(`echo ${mark}\\n`);
    await this.until(new RegExp(`${mark}\\n`));
    return this.text;
  }
}

let bridge: Talk;
let gdb: Gdb;
let link: string;
let port: string;

test.beforeEach(async ({ baseURL }) => {
  const origin = new URL(baseURL ?? '').origin;
  const program = ['scripts/bundled.mjs', 'src/cli/main.ts', 'bridge', '--port', '0', '--origin', origin];
  bridge = new Talk('node', program);
  [, link = ''] = await bridge.until(/(http:\S+#gdb=\S+)/);
  [, port = ''] = await bridge.until(/target remote 127\.0\.0\.1:(\d+)/);
  gdb = new Gdb();
});

test.afterEach(async () => {
  await gdb.end('SIGKILL');
  await bridge.end('SIGINT');
});

const LOOP = `bits 16
org 0x8000
start:  inc ax
        mov [0x500], ax
        inc bx
        jmp start
`;

/** A bare machine in real mode, running the loop. */
async function openLoop({ page, machines }: LabPage, source = LOOP): Promise<void> {
  const { bytes, errors } = assemble(source, { file: 'loop.asm', format: 'bin' });
  expect(errors).toEqual([]);
  await page.getByRole('button', { name: 'Open…', exact: true }).click();
  await page
    .getByLabel('Kernel', { exact: true })
    .setInputFiles({ name: 'loop.bin', mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
  await page.getByLabel('Run it').selectOption('bare');
  await page.getByLabel('File format').selectOption('real');
  await page.getByLabel('Load address').fill('8000');
  await page.getByLabel('Memory, MiB').fill('4');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(machines.filter({ hasText: 'bare machine' })).toBeVisible();
}

const state = (page: Page) => page.getByTitle('The connection with gdb');

test('gdb stops, steps both ways and changes a machine of the page, which follows', async ({ page }) => {
  const lab = new LabPage(page);
  await page.goto(link);
  await expect(lab.machines.first()).toBeVisible({ timeout: 20_000 });
  await expect(state(page)).toHaveText('gdb: awaited');
  // The token is in no address any more.
  expect(new URL(page.url()).hash).toBe('');
  await openLoop(lab);

  expect(await gdb.ask(`target remote 127.0.0.1:${port}`)).toContain('Remote debugging');
  await expect(state(page)).toHaveText('gdb runs machine B1');
  await expect(lab.status).toHaveText('Stopped for gdb');
  await expect(lab.button('Run')).toBeDisabled();
  await expect(lab.button('Run')).toHaveAttribute('title', 'gdb is connected; it runs the machine');

  expect(await gdb.ask('break *0x8004')).toContain('Breakpoint 1 at 0x8004');
  expect(await gdb.ask('continue')).toContain('Breakpoint 1, 0x0000000000008004');
  await expect(lab.status).toContainText('Breakpoint at 0x8004');
  await expect.poll(() => lab.register('eip')).toBe(0x8004n);
  await gdb.ask('stepi');
  await expect.poll(() => lab.register('eip')).toBe(0x8005n);
  const before = await lab.register('eax');
  await gdb.ask('reverse-stepi');
  await expect.poll(() => lab.register('eip')).toBe(0x8004n);
  expect(await gdb.ask('reverse-continue')).toContain('Breakpoint 1, 0x0000000000008004');
  await expect.poll(() => lab.register('eax')).toBe((before - 1n) & 0xffff_ffffn);

  await gdb.ask('set $rbx = 0x1234');
  await expect.poll(() => lab.register('ebx')).toBe(0x1234n);
  await gdb.ask('set {short}0x500 = 0x4243');
  expect(await gdb.ask('x/1xh 0x500')).toContain('0x4243');
  await lab.show('Memory');
  await lab.panel('Memory').getByLabel('Show memory at').fill('500');
  await page.keyboard.press('Enter');
  await expect(lab.panel('Memory')).toContainText('CB');
  expect(await findings(page)).toEqual([]);

  await gdb.ask('delete');
  await gdb.ask('detach');
  await expect(state(page)).toHaveText('gdb: awaited');
  await expect(lab.status).toHaveText('Running');
});

test('gdb debugs a virtual machine, with its vCPUs as threads', async ({ page }) => {
  const lab = new LabPage(page);
  await page.goto(link);
  await expect(state(page)).toHaveText('gdb: awaited');
  await expect(lab.console(1)).toContainText('> ', { timeout: 20_000 });
  await gdb.ask(`target remote 127.0.0.1:${port}`);
  await expect(state(page)).toHaveText('gdb runs VM 1');
  expect(await gdb.ask('info threads')).toMatch(/Thread 1 .*CPU 0: 64-bit mode, ring -?\d/);
  const here = async () => BigInt(/0x[0-9a-f]+/.exec(await gdb.ask('print/x $rip'))?.[0] ?? -1);
  await gdb.ask('stepi');
  const first = await here();
  await expect.poll(() => lab.register('rip')).toBe(first);
  await gdb.ask('stepi');
  expect(await here()).not.toBe(first);
  await gdb.ask('reverse-stepi');
  expect(await here()).toBe(first);
  await expect.poll(() => lab.register('rip')).toBe(first);
  expect(await gdb.ask('set $cr4 = $cr4 & ~0x20')).toContain('PAE cannot be cleared in IA-32e mode');
  gdb.say('quit');
  await expect(state(page)).toHaveText('gdb: awaited');
  await expect(lab.status).toHaveText('Running');
});

test('gdb is told of a pause on the page, and the page of a gdb that is gone', async ({ page }) => {
  const lab = new LabPage(page);
  await lab.open();
  await page.goto(link);
  await openLoop(lab, LOOP);
  await gdb.ask(`target remote 127.0.0.1:${port}`);
  gdb.text = '';
  gdb.say('continue');
  await lab.pause();
  await gdb.until(/The lab was paused on its page\./);
  await gdb.until(/SIGINT/);
  await gdb.end('SIGKILL');
  await expect(state(page)).toHaveText('gdb: awaited');
  await expect(lab.button('Run')).toBeEnabled();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`the dialog, ${colorScheme}`, () => {
    test.use({ colorScheme });

    test('takes the key, tells what is wrong with it, and disconnects', async ({ page }, testInfo) => {
      const lab = new LabPage(page);
      await lab.open();
      await lab.button('View').click();
      await lab.button('Connect gdb…').click();
      const dialog = page.getByRole('dialog', { name: 'Connect gdb' });
      const key = new URL(link).hash.slice('#gdb='.length);
      await dialog.getByLabel('Key').fill(`${key}x`);
      await dialog.getByRole('button', { name: 'Connect', exact: true }).click();
      await expect(dialog.getByRole('alert')).toContainText('the token is wrong');
      await dialog.getByLabel('Key').fill('hello');
      await dialog.getByRole('button', { name: 'Connect', exact: true }).click();
      await expect(dialog.getByRole('alert')).toContainText('This is no key of a bridge.');
      expect(await findings(page, 'dialog')).toEqual([]);
      await page.screenshot({ path: testInfo.outputPath('refused.png') });
      await dialog.getByLabel('Key').fill(key);
      await dialog.getByRole('button', { name: 'Connect', exact: true }).click();
      await expect(dialog).toContainText(`target remote 127.0.0.1:${port}`);
      expect(await findings(page, 'dialog')).toEqual([]);
      await page.screenshot({ path: testInfo.outputPath('connected.png') });
      await dialog.getByRole('button', { name: 'Disconnect' }).click();
      await expect(dialog.getByLabel('Key')).toBeVisible();
      await expect(state(page)).toHaveCount(0);
    });
  });
}
