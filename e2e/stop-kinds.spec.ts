import { expect, test } from '@playwright/test';
import type { Keyboard } from './keyboard.ts';
import { LabPage } from './lab-page.ts';

/** Each kind of stop: what is typed into its form, and what the status line says when time stands still there. */
interface Case {
  readonly kind: string;
  /** By the labels of the form. "(rip)" and "(stack)" are places that the test looks up. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly says: string;
}

const CASES: readonly Case[] = [
  { kind: 'Execution of an instruction', fields: { 'Linear address': '(rip)' }, says: 'Breakpoint at (rip)' },
  {
    kind: 'Execution by physical address',
    fields: { 'Address is': 'guest-physical', Address: '(rip)' },
    says: 'Execution at guest-physical (rip)',
  },
  { kind: 'Write to memory', fields: { Address: '(stack)' }, says: 'Write to linear (stack), 8 bytes' },
  {
    kind: 'Write to memory',
    fields: { 'Address is': 'guest-physical', Address: '(stack)', Bytes: '1' },
    says: 'Write to guest-physical (stack), 1 byte',
  },
  { kind: 'Read of memory', fields: { Address: '(stack)' }, says: 'Read of linear (stack), 8 bytes' },
  { kind: 'VM exit', fields: { Reason: 'CPUID' }, says: 'VM exit: CPUID' },
  { kind: 'Hypercall', fields: { 'Number in RAX': '1', Machine: '2' }, says: 'Hypercall 1' },
  { kind: 'Interrupt or exception', fields: { Vector: '#PF' }, says: 'Delivery of #PF' },
  { kind: 'Change of ring', fields: { 'From ring': '3', 'To ring': '0' }, says: 'Ring 3 to 0: syscall' },
  { kind: 'Load of CR3', says: 'CR3 loaded with 0x' },
  {
    kind: 'Change of a mapping',
    fields: { 'Linear address': '0x122000' },
    says: 'Change of the mapping of 0x122000',
  },
  { kind: 'Access to an MSR', fields: { MSR: 'EFER', Access: 'write' }, says: 'Write of IA32_EFER' },
  { kind: 'Access to a port', fields: { Port: '0x3f8', Access: 'out' }, says: 'OUT to port 0x3f8' },
  { kind: 'Text on a console', fields: { Text: 'Type help' }, says: 'Text "Type help" on a console' },
];

let lab: LabPage;
let keys: Keyboard;

test.beforeEach(async ({ page }) => {
  lab = new LabPage(page);
  keys = lab.keys;
  await lab.open();
  await expect(lab.console(1)).toContainText('Type help');
  await expect(lab.console(2)).toContainText('Type help');
  await keys.press('F6');
  await expect(lab.status).toHaveText('Paused');
  await lab.runToIdle();
  await keys.command('Panel: Registers');
});

for (const { kind, fields = {}, says } of CASES) {
  test(`${kind}: ${says}, forwards and backwards by keys alone`, async () => {
    const [rip, rsp] = [await lab.register('rip'), await lab.register('rsp')];
    const places: Readonly<Record<string, string>> = {
      '(rip)': `0x${rip.toString(16)}`,
      '(stack)': `0x${((rsp & ~15n) - 8n).toString(16)}`,
    };
    const filled = (text: string) => text.replace(/\(\w+\)/, (name) => places[name]);
    await lab.toBeginning();
    await lab.addStop(
      kind,
      Object.fromEntries(Object.entries(fields).map(([label, text]) => [label, filled(text)])),
    );
    await keys.press('F5');
    const text = filled(says);
    await expect(lab.status).toContainText(text);
    const state = async () => ({ time: await lab.simulatedTime(), hash: await lab.stateHash() });
    const there = await state();
    expect(there.time).toBeGreaterThan(0);
    await keys.press('F11', 'F11', 'F11');
    await expect.poll(() => lab.simulatedTime()).toBeGreaterThan(there.time);
    await keys.press('Control+F5');
    await expect(lab.status).toContainText(text);
    await expect.poll(state).toEqual(there);
  });
}
