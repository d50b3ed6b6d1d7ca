import { beforeEach, describe, expect, it } from 'vitest';
import { decodeReplies, gdbPacket } from '../../gdb/testing.ts';
import { guestNamed } from '../../guests/index.ts';
import { assemble } from '../../isa/assembler/index.ts';
import { formatBridgeKey } from '../../protocol/bridge.ts';
import type { Command } from '../../protocol/commands.ts';
import type { ToPage, ViewName, Views } from '../../protocol/messages.ts';
import { FIRST_BARE_ID, type GuestDescription } from '../../protocol/target.ts';
import { Ringlab } from '../machines/ringlab.ts';
import { Session } from '../session.ts';
import { ManualHost, type ManualLine } from '../testing.ts';

const MIB = 2 ** 20;
const KEY = { port: 4000, token: '0123456789abcdef' };
const BARE = FIRST_BARE_ID;

let host: ManualHost;
let lab: Ringlab;
let session: Session;
/** Every look at the stopwatch takes so long that a slice is over. */
let hurried: boolean;

beforeEach(() => {
  host = new ManualHost();
  hurried = false;
  const stopwatch = () => {
    if (hurried) host.time += 1000;
    return host.time;
  };
  lab = new Ringlab({ memory: 64 * MIB, cpus: 1, stopwatch });
  session = new Session(lab, host);
});

let nextId = 1;

/** What a command answers: its result, or why it is refused. */
function command(what: Command): unknown {
  const id = nextId++;
  session.receive({ type: 'command', id, command: what });
  const answer = host.messages.find(
    (message): message is Extract<ToPage, { type: 'done' | 'refused' }> =>
      (message.type === 'done' || message.type === 'refused') && message.id === id,
  );
  return answer?.type === 'refused' ? answer.error.what : answer?.result;
}

/** Views as the page would get them now. */
function view<K extends ViewName>(name: K): Views[K] | null | undefined {
  session.receive({
    type: 'watch',
    watch: {
      views: [name],
      walkAddress: null,
      codeAddress: null,
      codeLines: 1,
      region: null,
      memory: { space: 'linear', at: { segment: null, register: null, offset: 0x500n }, rows: 1 },
      instruction: null,
    },
  });
  host.pass(1000);
  const { sequence } = host.snapshots.at(-1) ?? { sequence: 0 };
  session.receive({ type: 'drawn', sequence });
  session.refresh();
  return host.snapshots.findLast(({ views }) => name in views)?.views[name] as Views[K] | null | undefined;
}

const LOOP = 'start: inc ax\n mov [0x500], ax\n inc bx\n jmp start';

/** A bare machine that stands still at its first instruction. */
function openBare(source = LOOP, cpus = 1): void {
  const text = `bits 16\norg 0x8000\n${source}`;
  const { bytes, errors } = assemble(text, { file: 'test.asm', format: 'bin' });
  expect(errors).toEqual([]);
  const guest: GuestDescription = {
    name: 'loop',
    technique: 'bare',
    kernel: { name: 'loop.bin', bytes },
    initrd: null,
    commandLine: '',
    memory: 4 * MIB,
    cpus,
    flat: { address: 0x8000, mode: 'real' },
  };
  expect(command({ kind: 'open', guest, paused: true })).toBe(BARE);
}

/** gdb at the other end of the line. */
class Gdb {
  readonly line: ManualLine;

  constructor() {
    expect(command({ kind: 'connect-gdb', key: formatBridgeKey(KEY) })).toBe(null);
    this.line = host.lines.at(-1)!;
    this.line.listener.news({ kind: 'listening', port: 1234 });
    this.line.listener.news({ kind: 'gdb-came' });
    this.ask('QStartNoAckMode');
    this.ask('qSupported:swbreak+');
  }

  take(): string[] {
    return decodeReplies(Uint8Array.from(this.line.sent.splice(0)));
  }

  ask(payload: string): string[] {
    this.line.listener.bytes(gdbPacket(payload));
    return this.take();
  }

  /** Lets the lab run until gdb is answered. */
  go(payload: string): string[] {
    const first = this.ask(payload);
    for (let i = 0; i < 500 && this.line.sent.length === 0 && first.length === 0; i++) host.pass(20);
    return [...first, ...this.take()];
  }

  interrupt(): string[] {
    this.line.listener.bytes(Uint8Array.of(3));
    return this.take();
  }

  /** Bytes in hexadecimal as a number, the lowest first. */
  register(number: number): bigint {
    const [digits = ''] = this.ask(`p${number.toString(16)}`);
    return BigInt(`0x${(digits.match(/../g) ?? []).reverse().join('')}`);
  }
}

const RAX = 0;
const RIP = 16;

const fromHex = (digits = ''): string => Buffer.from(digits, 'hex').toString();

/** The text of gdb's console output among replies. */
const said = (replies: readonly string[]): string =>
  replies
    .filter((reply) => /^O[0-9a-f]/.test(reply))
    .map((reply) => Buffer.from(reply.slice(1), 'hex').toString())
    .join('');

describe('the line', () => {
  it('is opened with the key, and says where gdb is awaited', () => {
    expect(view('gdb')).toEqual({ state: 'off', port: null, vm: null, trouble: null });
    expect(command({ kind: 'connect-gdb', key: 'nonsense' })).toMatch(/no key of a bridge/);
    command({ kind: 'connect-gdb', key: ` ${formatBridgeKey(KEY)} \n` });
    expect(host.lines[0]?.key).toEqual(KEY);
    expect(view('gdb')).toMatchObject({ state: 'connecting' });
    expect(command({ kind: 'connect-gdb', key: formatBridgeKey(KEY) })).toMatch(/connected already/);
    host.lines[0]?.listener.news({ kind: 'listening', port: 1234 });
    expect(view('gdb')).toMatchObject({ state: 'waiting', port: 1234 });
    command({ kind: 'disconnect-gdb' });
    expect(host.lines[0]?.closed).toBe(true);
    expect(view('gdb')).toMatchObject({ state: 'off', trouble: null });
  });

  it('tells why it is lost', () => {
    command({ kind: 'connect-gdb', key: formatBridgeKey(KEY) });
    host.lines[0]?.listener.lost('the token is wrong');
    expect(view('gdb')).toMatchObject({
      state: 'off',
      trouble: 'The bridge has closed the line: the token is wrong.',
    });
    command({ kind: 'connect-gdb', key: formatBridgeKey(KEY) });
    host.lines[1]?.listener.lost('');
    expect(view('gdb')?.trouble).toMatch(/no line to the bridge/);
  });

  it('has no use for gdb without a machine', () => {
    command({ kind: 'connect-gdb', key: formatBridgeKey(KEY) });
    const [line] = host.lines;
    line?.listener.news({ kind: 'gdb-came' });
    expect(line?.hungUp).toBe(1);
    expect(view('gdb')?.trouble).toMatch(/no machine/);
  });
});

describe('gdb at a bare machine', () => {
  it('steps forwards and backwards, and the page follows', () => {
    openBare();
    const gdb = new Gdb();
    expect(view('gdb')).toMatchObject({ state: 'attached', vm: BARE });
    expect(gdb.ask('qAttached')).toEqual(['1']);
    expect(gdb.register(RIP)).toBe(0x8000n);
    expect(gdb.go('vCont;s:1')).toEqual(['T05thread:1;']);
    expect(gdb.register(RIP)).toBe(0x8001n);
    expect(view('registers')?.rip.value).toBe(0x8001n);
    expect(gdb.go('bs')).toEqual(['T05thread:1;']);
    expect(view('registers')?.rip.value).toBe(0x8000n);
    expect(gdb.go('bs')).toEqual(['T05replaylog:begin;thread:1;']);
  });

  it('meets its breakpoints in both directions; the page shows them until gdb leaves', () => {
    openBare();
    const gdb = new Gdb();
    expect(gdb.ask('Z0,8004,1')).toEqual(['OK']);
    expect(gdb.go('vCont;c')).toEqual(['T05swbreak:;thread:1;']);
    expect(gdb.go('vCont;c')).toEqual(['T05swbreak:;thread:1;']);
    expect(gdb.register(RAX)).toBe(2n);
    expect(view('stops')).toMatchObject([{ trigger: { kind: 'address', address: 0x8004n }, vm: BARE }]);
    // The user may remove it: gdb wants it again.
    command({ kind: 'toggle-breakpoint', vm: BARE, address: 0x8004n });
    expect(view('stops')).toEqual([]);
    expect(gdb.go('vCont;c')).toEqual(['T05swbreak:;thread:1;']);
    gdb.go('bc');
    // As gdb does at each stop.
    expect(gdb.ask('z0,8004,1')).toEqual(['OK']);
    expect(view('stops')).toHaveLength(1);
    gdb.ask('Z0,8004,1');
    expect(gdb.go('bc')).toEqual(['T05swbreak:;thread:1;']);
    expect(gdb.register(RAX)).toBe(1n);
    expect(gdb.go('bc')).toEqual(['T05replaylog:begin;thread:1;']);
    expect(gdb.register(RIP)).toBe(0x8000n);
    gdb.line.listener.news({ kind: 'gdb-left' });
    expect(view('stops')).toEqual([]);
    expect(view('gdb')).toMatchObject({ state: 'waiting', vm: null });
    expect(view('machine')).toMatchObject({ running: false });
  });

  it('watches memory, and finds it unchanged where a change is undone', () => {
    openBare();
    const gdb = new Gdb();
    expect(gdb.ask('Z2,500,2')).toEqual(['OK']);
    expect(gdb.ask('Z2,fffffffffffff000,2')).toEqual(['E0e']);
    expect(gdb.go('vCont;c')).toEqual(['T05watch:500;thread:1;']);
    expect(gdb.go('vCont;c')).toEqual(['T05watch:500;thread:1;']);
    expect(gdb.ask('m500,2')).toEqual(['0200']);
    expect(gdb.go('bc')).toEqual(['T05watch:500;thread:1;']);
    expect(gdb.ask('m500,2')).toEqual(['0100']);
    gdb.ask('z2,500,2');
    expect(view('stops')).toEqual([]);
  });

  it('changes registers and memory as the page does; going back undoes that', () => {
    openBare();
    const gdb = new Gdb();
    gdb.go('vCont;s:1');
    expect(gdb.ask('P0=3412000000000000')).toEqual(['OK']);
    expect(gdb.ask('M500,2:7766')).toEqual(['OK']);
    expect(view('registers')?.general.find(({ name }) => name === 'eax')?.value).toBe(0x1234n);
    expect([...(view('memory')?.rows[0]?.bytes ?? [])].slice(0, 2)).toEqual([0x77, 0x66]);
    const cr0 = gdb.ask('P3f=0100000080000000');
    expect(cr0[0]).toMatch(/^E/);
    for (let i = 0; i < 3; i++) gdb.go('bs');
    expect(gdb.register(RAX)).toBe(0n);
  });

  it('has the machine for itself: the page is refused what would run or change it, and can pause', () => {
    openBare();
    const gdb = new Gdb();
    const on = { vm: BARE, vcpu: 0 };
    for (const what of [
      { kind: 'run' },
      { kind: 'step', on },
      { kind: 'step-back', on },
      { kind: 'seek', on, position: 0 },
      { kind: 'vm', vm: BARE, action: 'reset' },
      { kind: 'edit', edit: { kind: 'register', on, register: 'rax', value: 1n } },
    ] as const) {
      expect(command(what)).toBe('gdb is connected: it runs the machine.');
    }
    expect(gdb.ask('vCont;c')).toEqual([]);
    host.pass(20);
    expect(command({ kind: 'pause' })).toBe(null);
    const replies = gdb.take();
    expect(said(replies)).toBe('The lab was paused on its page.\n');
    expect(replies.at(-1)).toBe('T02thread:1;');
    command({ kind: 'disconnect-gdb' });
    expect(command({ kind: 'step', on })).toBe(null);
  });

  it("meets the page's other stops going back, one after the other", () => {
    openBare();
    const gdb = new Gdb();
    const trigger = { kind: 'write', space: 'linear', address: 0x500n, length: 1 } as const;
    const settings = { trigger, enabled: true, vm: BARE, level: 'any', condition: '', fromHit: 3 } as const;
    command({ kind: 'add-stop', settings });
    expect(said(gdb.go('vCont;c'))).toMatch(/^A stop of the page: Write to linear 0x500/);
    for (const left of ['0200', '0100', '0000']) {
      expect(said(gdb.go('bc'))).toMatch(/^A stop of the page/);
      expect(gdb.ask('m500,2')).toEqual([left]);
    }
    expect(gdb.go('bc')).toEqual(['T05replaylog:begin;thread:1;']);
  });

  it("is told of the page's stops, which are not its own", () => {
    openBare();
    const gdb = new Gdb();
    expect(command({ kind: 'toggle-breakpoint', vm: BARE, address: 0x8001n })).toBe(true);
    const replies = gdb.go('vCont;c');
    expect(said(replies)).toBe('A breakpoint of the page at 0x8001.\n');
    expect(replies.at(-1)).toBe('T02thread:1;');
  });

  it('interrupts a run, and gives a search up where it began', () => {
    openBare();
    const gdb = new Gdb();
    expect(gdb.ask('vCont;c')).toEqual([]);
    host.pass(20);
    expect(gdb.interrupt()).toEqual(['T02thread:1;']);
    const at = gdb.register(RAX);
    const { position } = lab.timeline({ vm: BARE, vcpu: 0 });
    expect(position).toBeGreaterThan(10_000);
    hurried = true;
    expect(gdb.ask('bc')).toEqual([]);
    const replies = gdb.interrupt();
    expect(said(replies)).toBe('The search backwards was given up: time is where it began.\n');
    expect(replies.at(-1)).toBe('T02thread:1;');
    expect(lab.timeline({ vm: BARE, vcpu: 0 }).position).toBe(position);
    expect(gdb.register(RAX)).toBe(at);
  });

  it('is told of the end, again and again, and can go back from it', () => {
    openBare('mov dx, 0xf4\n mov al, 3\n out dx, al\n jmp $');
    const gdb = new Gdb();
    for (let i = 0; i < 2; i++) {
      const replies = gdb.go('vCont;c');
      expect(said(replies)).toMatch(/debug exit port with status 7/);
      expect(replies.at(-1)).toBe('T05replaylog:end;thread:1;');
    }
    expect(gdb.go('bs')).toEqual(['T05thread:1;']);
    expect(gdb.register(RIP)).toBe(0x8005n);
  });

  it('lets it go on when it detaches, and leaves it where it is when it is killed or lost', () => {
    openBare();
    let gdb = new Gdb();
    expect(gdb.ask('D;1')).toEqual(['OK']);
    expect(view('machine')).toMatchObject({ running: true });
    command({ kind: 'disconnect-gdb' });
    gdb = new Gdb();
    expect(view('machine')).toMatchObject({ running: false, stop: { kind: 'gdb' } });
    gdb.ask('k');
    expect(view('machine')).toMatchObject({ running: false });
    expect(view('gdb')).toMatchObject({ state: 'waiting' });
    gdb.line.listener.news({ kind: 'gdb-left' });
    gdb.line.listener.news({ kind: 'gdb-came' });
    gdb.ask('vCont;c');
    gdb.line.listener.lost('the bridge was ended');
    expect(view('machine')).toMatchObject({ running: false });
  });

  it('stays in step with it through its modes, both ways', () => {
    const bytes = guestNamed('long-mode')!.assemble().bytes;
    const guest: GuestDescription = {
      name: 'modes',
      technique: 'bare',
      kernel: { name: 'long-mode.img', bytes },
      initrd: null,
      commandLine: '',
      memory: 4 * MIB,
      cpus: 1,
      flat: { address: 0x7c00, mode: 'real' },
    };
    command({ kind: 'open', guest, paused: true });
    const gdb = new Gdb();
    const on = { vm: BARE, vcpu: 0 };
    const seen: [mode: string, linear: bigint][] = [];
    const look = (): [string, bigint] => [lab.registers(on)?.mode ?? '', gdb.register(RIP)];
    while (!seen.some(([mode]) => mode === '64-bit mode')) {
      seen.push(look());
      expect(gdb.go('vCont;s:1')).toEqual(['T05thread:1;']);
    }
    expect([...new Set(seen.map(([mode]) => mode))]).toEqual([
      'real mode',
      'compatibility mode',
      '64-bit mode',
    ]);
    for (const before of seen.slice(-20).reverse()) {
      expect(gdb.go('bs')).toEqual(['T05thread:1;']);
      expect(look()).toEqual(before);
    }
  });

  it('sees vCPUs as threads, also those that have not started', () => {
    openBare(LOOP, 2);
    const gdb = new Gdb();
    expect(gdb.ask('qfThreadInfo')).toEqual(['m1,2']);
    expect(fromHex(gdb.ask('qThreadExtraInfo,2')[0])).toMatch(/^CPU 1: .*has not started: waits for SIPI$/);
  });
});

describe('gdb at a virtual machine', () => {
  it('tells that a vCPU has not started, and walks no pages for it', () => {
    const bytes = guestNamed('kernel')!.assemble().bytes;
    const kernel = { name: 'kernel', bytes };
    const guest = { name: 'k', kernel, initrd: null, commandLine: '', memory: 16 * MIB, cpus: 2, flat: null };
    command({ kind: 'open', guest: { ...guest, technique: 'vtx-ept' } });
    for (let i = 0; i < 4; i++) host.pass(50);
    const gdb = new Gdb();
    expect(fromHex(gdb.ask('qThreadExtraInfo,2')[0])).toBe('CPU 1: has not started: its registers read as 0');
    gdb.ask('Hg2');
    expect(gdb.register(RIP)).toBe(0n);
    expect(said(gdb.ask(`qRcmd,${Buffer.from('walk 0x7c00').toString('hex')}`))).toBe(
      'CPU 1 has not started: it has no page tables to walk. Let the machine run first.\n',
    );
  });

  it('steps, stops and goes back as on a bare one', () => {
    const bytes = guestNamed('kernel')!.assemble().bytes;
    const kernel = { name: 'kernel', bytes };
    const guest = { name: 'k', kernel, initrd: null, commandLine: '', memory: 16 * MIB, cpus: 1, flat: null };
    command({ kind: 'open', guest: { ...guest, technique: 'vtx-ept' } });
    for (let i = 0; i < 20; i++) host.pass(50);
    const gdb = new Gdb();
    expect(view('gdb')).toMatchObject({ state: 'attached', vm: 1 });
    expect(gdb.go('vCont;s:1')).toEqual(['T05thread:1;']);
    const first = gdb.register(RIP);
    expect(view('registers')?.rip.value).toBe(first);
    expect(gdb.go('vCont;s:1')).toEqual(['T05thread:1;']);
    const second = gdb.register(RIP);
    expect(gdb.go('bs')).toEqual(['T05thread:1;']);
    expect(gdb.register(RIP)).toBe(first);
    gdb.ask(`Z0,${second.toString(16)},1`);
    expect(gdb.go('vCont;c')).toEqual(['T05swbreak:;thread:1;']);
    expect(gdb.register(RIP)).toBe(second);
    expect(gdb.ask(`m${second.toString(16)},4`)[0]).toMatch(/^[0-9a-f]{8}$/);
    expect(gdb.ask('P0=0100000000000000')).toEqual(['OK']);
    expect(gdb.register(RAX)).toBe(1n);
  });
});
