import { describe, expect, it } from 'vitest';
import type { Debuggee, Halt } from './debuggee.ts';
import { DESCRIPTIONS } from './descriptions.ts';
import { fromText, hexToBytes, toText } from './hex.ts';
import { Session } from './session.ts';
import { Conversation, CountingDebuggee, decodeReplies, gdbPacket } from './testing.ts';

const talk = (debuggee: Debuggee = new CountingDebuggee()) => new Conversation(debuggee);

/** Text of the O packets. */
const printed = (replies: readonly string[]) =>
  replies
    .filter((reply) => /^O[0-9a-f]+$/.test(reply))
    .map((reply) => toText(hexToBytes(reply.slice(1))!))
    .join('');

const hexText = (text: string) => Buffer.from(text).toString('hex');

/** A debuggee that stops once, in this way. */
class Stopping extends CountingDebuggee {
  readonly #halt: Halt;
  constructor(halt: Halt) {
    super();
    this.#halt = halt;
  }
  override slice(): Halt {
    return this.#halt;
  }
}

/** A debuggee that only goes forwards. */
function forwards<T extends CountingDebuggee>(debuggee: T): T {
  return Object.assign(debuggee, { stepBack: undefined, runBack: undefined });
}

describe('acknowledgements', () => {
  const open = () => {
    let sent = '';
    const session = new Session(new CountingDebuggee(), (bytes) => {
      sent += toText(bytes);
    });
    return (text: string) => {
      sent = '';
      session.receive(fromText(text));
      return sent;
    };
  };

  it('come before each reply until gdb wants none', () => {
    const ask = open();
    expect(ask('$qC#b4')).toBe('+$QC1#c5');
    expect(ask('$QStartNoAckMode#b0')).toBe('+$OK#9a');
    expect(ask('+$qC#b4')).toBe('$QC1#c5');
  });

  it('ask for a garbled packet again, and repeat what gdb did not understand', () => {
    const ask = open();
    expect(ask('$qC#00')).toBe('-');
    expect(ask('-')).toBe('');
    expect(ask('$qC#b4')).toBe('+$QC1#c5');
    expect(ask('-')).toBe('$QC1#c5');
  });
});

describe('queries', () => {
  it('tell what is possible', () => {
    expect(talk().ask('qSupported:swbreak+')[0]).toMatch(
      /^PacketSize=4000;.*qXfer:features:read\+.*;ReverseStep\+;ReverseContinue\+$/,
    );
    expect(talk(forwards(new CountingDebuggee())).ask('qSupported:swbreak+')[0]).not.toMatch(/Reverse/);
    expect(talk().ask('vMustReplyEmpty')).toEqual(['']);
    expect(talk().ask('')).toEqual(['']);
  });

  it.each(['amd64', 'i386', 'i8086'] as const)('give the description of %s in pieces', (name) => {
    const gdb = talk();
    gdb.ask(`qRcmd,${hexText(`describe ${name}`)}`);
    let xml = '';
    let more = true;
    while (more) {
      const [reply] = gdb.ask(`qXfer:features:read:target.xml:${xml.length.toString(16)},3e8`);
      expect(reply[0]).toMatch(/[ml]/);
      more = reply[0] === 'm';
      xml += reply.slice(1);
    }
    expect(xml).toBe(DESCRIPTIONS[name].xml);
    // Every register has a type that gdb has or the description makes.
    const known = [...xml.matchAll(/ id="(\w+)"/g)].map(([, id]) => id);
    for (const [, type] of xml.matchAll(/type="(\w+)"/g)) {
      expect([
        ...known,
        'int',
        'int8',
        'int16',
        'int32',
        'int64',
        'uint32',
        'uint64',
        'uint128',
        'code_ptr',
        'data_ptr',
        'i387_ext',
        'ieee_single',
        'ieee_double',
      ]).toContain(type);
    }
    expect(gdb.ask('qXfer:features:read:other.xml:0,10')).toEqual(['E00']);
    expect(gdb.ask('qXfer:memory-map:read::0,10')).toEqual(['']);
  });

  it('list processors as threads', () => {
    const gdb = talk();
    expect(gdb.ask('qfThreadInfo')).toEqual(['m1,2']);
    expect(gdb.ask('qsThreadInfo')).toEqual(['l']);
    expect(gdb.ask('T2')).toEqual(['OK']);
    expect(gdb.ask('T3')).toEqual(['E03']);
    expect(gdb.ask('Hg3')).toEqual(['E03']);
    expect(gdb.ask('Hg2')).toEqual(['OK']);
    expect(gdb.ask('qC')).toEqual(['QC2']);
    expect(gdb.ask('Hc-1')).toEqual(['OK']);
    expect(gdb.ask('qThreadExtraInfo,1')).toEqual([hexText('CPU 0')]);
    expect(gdb.ask('qAttached')).toEqual(['0']);
  });
});

describe('registers', () => {
  const number = (name: string) =>
    DESCRIPTIONS.amd64.registers.findIndex((register) => register.name === name).toString(16);

  it('come in the order of the description, low byte first', () => {
    const debuggee = new CountingDebuggee();
    debuggee.registers.set('rbx', 0x1122334455667788n);
    debuggee.at = 5;
    const [all] = talk(debuggee).ask('g');
    expect(all.slice(0, 32)).toBe('00000000000000008877665544332211');
    expect(all.slice(32 * 8, 33 * 8)).toBe('05000000');
    const bits = DESCRIPTIONS.amd64.registers.reduce((sum, register) => sum + register.bits, 0);
    expect(all.length).toBe(bits / 4);
  });

  it('are read and written one by one', () => {
    const debuggee = new CountingDebuggee();
    const gdb = talk(debuggee);
    expect(gdb.ask(`P${number('rbx')}=8877665544332211`)).toEqual(['OK']);
    expect(gdb.ask(`p${number('rbx')}`)).toEqual(['8877665544332211']);
    expect(debuggee.registers.get('rbx')).toBe(0x1122334455667788n);
    expect(gdb.ask(`P${number('rbx')}=88`)).toEqual(['E16']);
    expect(gdb.ask(`P${number('cr0')}=0100000000000000`)).toEqual(['E.it does not count']);
    // What does not change needs no writing.
    expect(gdb.ask(`P${number('cr0')}=0000000000000000`)).toEqual(['OK']);
    expect(gdb.ask('p3ff')).toEqual(['E16']);
    expect(gdb.ask('pxyz')).toEqual(['E16']);
  });

  it('are written all at once', () => {
    const debuggee = new CountingDebuggee();
    const gdb = talk(debuggee);
    const [all] = gdb.ask('g');
    expect(gdb.ask(`G0100000000000000${all.slice(16)}`)).toEqual(['OK']);
    expect([...debuggee.registers]).toEqual([['rax', 1n]]);
    expect(gdb.ask(`G${all.slice(2)}`)).toEqual(['E16']);
  });

  it('that are shown in part keep the rest', () => {
    const debuggee = new CountingDebuggee();
    debuggee.registers.set('rax', 0x1122334455667788n);
    const gdb = talk(debuggee);
    gdb.ask(`qRcmd,${hexText('describe i386')}`);
    expect(gdb.ask('p0')).toEqual(['88776655']);
    expect(gdb.ask('P0=01000000')).toEqual(['OK']);
    expect(debuggee.registers.get('rax')).toBe(0x1122334400000001n);
  });
});

describe('memory', () => {
  it('is read as far as it goes', () => {
    const debuggee = new CountingDebuggee();
    debuggee.memory.set([1, 2, 0xab], 0xfd);
    const gdb = talk(debuggee);
    expect(gdb.ask('mfd,2')).toEqual(['0102']);
    expect(gdb.ask('mfd,40')).toEqual(['0102ab']);
    expect(gdb.ask('m100,4')).toEqual(['E0e']);
    expect(gdb.ask('m100,0')).toEqual(['']);
    expect(gdb.ask('mfd')).toEqual(['E16']);
    expect(gdb.ask('m1,2,3')).toEqual(['E16']);
  });

  it('is written as hexadecimal digits and as bytes', () => {
    const debuggee = new CountingDebuggee();
    const gdb = talk(debuggee);
    expect(gdb.ask('M10,3:0102ff')).toEqual(['OK']);
    expect(gdb.ask('X13,4:$#}*')).toEqual(['OK']);
    expect(toText(debuggee.memory.slice(0x10, 0x17))).toBe('\x01\x02\xff$#}*');
    expect(gdb.ask('X0,0:')).toEqual(['OK']);
    expect(gdb.ask('Mff,2:0102')).toEqual(['E0e']);
    expect(gdb.ask('M10,3:0102')).toEqual(['E16']);
    expect(gdb.ask('M10,1:xx')).toEqual(['E16']);
    expect(gdb.ask('M10,1')).toEqual(['E16']);
  });
});

describe('running', () => {
  it('stops at breakpoints and after steps', () => {
    const gdb = talk();
    gdb.ask('qSupported:swbreak+');
    expect(gdb.ask('Z0,20,1')).toEqual(['OK']);
    expect(gdb.ask('Z1,20,1')).toEqual(['OK']);
    expect(gdb.ask('z0,20,1')).toEqual(['OK']);
    expect(gdb.go('vCont;c')).toEqual(['T05swbreak:;thread:2;']);
    // The processor that stopped is the one that is looked at.
    expect(gdb.ask('qC')).toEqual(['QC2']);
    expect(gdb.ask('?')).toEqual(['T05swbreak:;thread:2;']);
    expect(gdb.go('vCont;s:1;c')).toEqual(['T05thread:1;']);
    expect(gdb.go('s')).toEqual(['T05thread:1;']);
    expect(gdb.go('S05')).toEqual(['T05thread:1;']);
    expect(gdb.ask('m0,1')).toEqual(['00']);
  });

  it('steps one processor, and tells what gdb believes of the others', () => {
    const debuggee = new CountingDebuggee();
    const gdb = talk(debuggee);
    expect(gdb.go('vCont;s:2;c')).toEqual(['T05thread:2;']);
    expect(debuggee.alone).toBe(false);
    expect(gdb.go('vCont;s:1')).toEqual(['T05thread:1;']);
    expect(debuggee.alone).toBe(true);
    expect(gdb.go('vCont;s')).toEqual(['T05thread:1;']);
    expect(debuggee.alone).toBe(false);
    // Ctrl-C stops the one that is stepped.
    gdb.ask('vCont;s:2;c');
    gdb.session.receive(Uint8Array.of(3));
    expect(gdb.take()).toEqual(['T02thread:2;']);
  });

  it('says nothing of reasons to a gdb that does not know them', () => {
    const gdb = talk();
    gdb.ask('Z0,20,1');
    expect(gdb.go('c')).toEqual(['T05thread:2;']);
  });

  it('watches memory for changes', () => {
    const debuggee = new CountingDebuggee();
    const gdb = talk(debuggee);
    expect(gdb.ask('Z2,10,4')).toEqual(['OK']);
    expect(gdb.ask('Z2,20,8')).toEqual(['OK']);
    expect(gdb.ask('z2,10,4')).toEqual(['OK']);
    expect(debuggee.watched).toEqual(['32 8']);
    expect(gdb.ask('Z2,fe,4')).toEqual(['E0e']);
    expect(gdb.ask('Z2,10,0')).toEqual(['E0e']);
    gdb.session.close();
    expect(debuggee.watched).toEqual([]);
    const changed = talk(new Stopping({ kind: 'watchpoint', cpu: 1, address: 0x1234n }));
    expect(changed.go('c')).toEqual(['T05watch:1234;thread:2;']);
  });

  it.each(['3', '4', 'x'])('has no breakpoints of type %s', (type) => {
    expect(talk().ask(`Z${type},10,4`)).toEqual(['']);
  });

  it.each([
    ['c1234', 'E16'],
    ['vCont;x', 'E16'],
    ['vCont;s:9', 'E03'],
    ['Cxy', 'E16'],
    ['Z0,zz,1', 'E16'],
    ['Z0,10', 'E16'],
  ])('refuses %s', (payload, reply) => {
    expect(talk().ask(payload)).toEqual([reply]);
  });

  it('is interrupted by Ctrl-C, and by nothing else', () => {
    const gdb = talk();
    gdb.session.receive(Uint8Array.of(3));
    expect(gdb.take()).toEqual([]);
    expect(gdb.ask('c')).toEqual([]);
    gdb.session.slice();
    expect(gdb.ask('g')).toEqual(['E10']);
    expect(gdb.session.running).toBe(true);
    gdb.session.receive(Uint8Array.of(3));
    expect(gdb.take()).toEqual(['T02thread:1;']);
    expect(gdb.session.running).toBe(false);
  });

  it('goes backwards to breakpoints and to the beginning', () => {
    const debuggee = new CountingDebuggee();
    debuggee.at = 50;
    const gdb = talk(debuggee);
    gdb.ask('Z0,10,1');
    expect(gdb.go('bs')).toEqual(['T05thread:1;']);
    expect(debuggee.at).toBe(49);
    expect(gdb.ask('bs1')).toEqual(['E16']);
    expect(gdb.go('bc')).toEqual(['T05thread:2;']);
    expect(debuggee.at).toBe(16);
    expect(gdb.go('bc')).toEqual(['T05replaylog:begin;thread:1;']);
    expect(debuggee.at).toBe(0);
    expect(talk(forwards(debuggee)).ask('bc')).toEqual(['']);
    expect(talk(forwards(debuggee)).ask('bs')).toEqual(['']);
  });

  it.each<[Halt, string, string]>([
    [{ kind: 'stuck', cpu: 1, why: ['halted'] }, 'T00thread:2;', 'halted\n'],
    [{ kind: 'crashed', cpu: 0, why: ['triple fault', 'RAX 1'] }, 'T06thread:1;', 'triple fault\nRAX 1\n'],
    [{ kind: 'ended', cpu: 0, why: 'powered off', status: 0x21 }, 'W21', 'powered off\n'],
  ])('ends with %j', (halt, reply, text) => {
    const gdb = talk(forwards(new Stopping(halt)));
    const replies = gdb.go('c');
    expect(replies.at(-1)).toBe(reply);
    expect(printed(replies)).toBe(text);
    expect(gdb.session.over).toBe(halt.kind === 'ended');
  });

  it('has an end to turn back from where it can go backwards', () => {
    const gdb = talk();
    expect(gdb.go('c').at(-1)).toBe('T05replaylog:end;thread:1;');
    expect(gdb.go('bs')).toEqual(['T05thread:1;']);
    expect(gdb.session.over).toBe(false);
  });
});

describe('leaving', () => {
  it('is detaching or killing', () => {
    const [detached, killed, quietly] = [talk(), talk(), talk()];
    expect(detached.ask('D')).toEqual(['OK']);
    expect(detached.session.leave).toBe('detached');
    expect(killed.ask('vKill;1')).toEqual(['OK']);
    expect(quietly.ask('k')).toEqual([]);
    expect([killed.session.leave, quietly.session.leave]).toEqual(['killed', 'killed']);
    // What comes behind is for nobody.
    expect(detached.ask('qC')).toEqual([]);
  });

  it('takes the breakpoints along', () => {
    const debuggee = new CountingDebuggee();
    const first = talk(debuggee);
    first.ask('Z0,10,1');
    first.session.close();
    expect(talk(debuggee).go('c').at(-1)).toBe('T05replaylog:end;thread:1;');
  });
});

describe('monitor', () => {
  const monitor = (gdb: Conversation, line: string) => {
    const replies = gdb.ask(`qRcmd,${hexText(line)}`);
    expect(replies.at(-1)).toBe('OK');
    return printed(replies);
  };

  it('lists its commands', () => {
    expect(monitor(talk(), 'help')).toMatch(/^monitor registers .*\n(monitor .*\n)+$/);
    expect(monitor(talk(), 'frobnicate now')).toMatch(/^There is no command "frobnicate"\.\nmonitor /);
    expect(talk().ask('qRcmd,zz')).toEqual(['E16']);
  });

  it('shows control registers by bit, and segments', () => {
    const debuggee = new CountingDebuggee();
    debuggee.registers
      .set('cr0', 0x8000_0011n)
      .set('eflags', 0x202n)
      .set('ds', 0x1000n)
      .set('ds_base', 0x10000n);
    const text = monitor(talk(debuggee), 'registers');
    expect(text).toMatch(/^cr0 +0x0000000080000011 {2}PE ET PG$/m);
    expect(text).toMatch(/^rflags +0x0000000000000202 {2}IF$/m);
    expect(text).toMatch(/^ds +0x1000 {2}base 0x10000$/m);
    expect(monitor(talk(), 'registers now')).toMatch(/takes no argument/);
  });

  it('tells where the run is, and walks pages', () => {
    const debuggee = new CountingDebuggee();
    debuggee.at = 7;
    const gdb = talk(debuggee);
    expect(monitor(gdb, 'position')).toBe('cycle 14, 7 instructions\nCPU 0\nCPU 1\n');
    expect(monitor(gdb, 'walk 0x7c00')).toBe(
      'paging is off\n0x7c00 cannot be translated: #PF, there is no memory\n',
    );
    expect(monitor(gdb, 'walk here')).toMatch(/in hexadecimal.*not "here"/);
  });

  it('types on the console', () => {
    const debuggee = new CountingDebuggee();
    expect(monitor(talk(debuggee), 'type ps  -x ü')).toBe('');
    expect(debuggee.typed).toEqual([`ps  -x ${toText(Buffer.from('ü'))}\n`]);
  });

  it('refuses a description that it does not have', () => {
    expect(monitor(talk(), 'describe arm')).toMatch(/amd64 or i386 or i8086; not "arm"/);
  });
});

it('replies are packets with right checksums', () => {
  let sent = '';
  const session = new Session(new CountingDebuggee(), (bytes) => {
    sent += toText(bytes);
  });
  session.receive(gdbPacket('g'));
  expect(decodeReplies(fromText(sent))[0]).toBe('+');
});
