import { describe, expect, it } from 'vitest';
import { DebugExit } from './debug-exit.ts';
import { PostCodes } from './post-codes.ts';
import { ResetControl } from './reset-control.ts';
import { SystemPortA } from './system-port-a.ts';

describe('debug exit', () => {
  it('ends the run with (v << 1) | 1 for any width', () => {
    const status: number[] = [];
    const port = new DebugExit((s) => status.push(s));
    port.write(0, 1, 0);
    port.write(0, 1, 0x31);
    port.write(0, 4, 0xffff_ffff);
    expect(status).toEqual([1, 0x63, 0x1_ffff_ffff]);
  });
});

describe('POST port', () => {
  it('keeps the last 64 different codes', () => {
    const port = new PostCodes();
    for (let i = 0; i < 100; i++) {
      port.write(0, 1, i);
      port.write(0, 1, i);
    }
    expect(port.history).toEqual(Array.from({ length: 64 }, (_, i) => i + 36));
    expect(port.read()).toBe(99);
  });
});

describe('system control port A', () => {
  it('gates A20 and resets on a rising bit 0', () => {
    const events: string[] = [];
    const port = new SystemPortA({
      a20: (on) => events.push(`a20 ${on}`),
      reset: () => events.push('reset'),
    });
    port.write(0, 1, 0x02);
    port.write(0, 1, 0x00);
    port.write(0, 1, 0x03);
    port.write(0, 1, 0x03);
    expect(events).toEqual(['a20 false', 'a20 true', 'reset']);
    expect(port.read()).toBe(3);
  });
});

describe('reset control register', () => {
  it('resets when bit 2 rises', () => {
    let resets = 0;
    const port = new ResetControl(() => resets++);
    port.write(0, 1, 0x02);
    expect(resets).toBe(0);
    port.write(0, 1, 0x06);
    port.write(0, 1, 0x0e);
    expect(resets).toBe(1);
    expect(port.read()).toBe(0x0e);
  });
});
