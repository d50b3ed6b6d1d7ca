import { beforeEach, describe, expect, it } from 'vitest';
import { FREQUENCY } from '../../arch/pc.ts';
import { FakeClock, FakeLine } from '../testing.ts';
import { PowerManagement } from './power-management.ts';

/** One cycle is one tick of the PM timer. */
let clock: FakeClock;
let sci: FakeLine;
let offs: number;
let pm: PowerManagement;

beforeEach(() => {
  clock = new FakeClock(FREQUENCY.pmTimer);
  sci = new FakeLine();
  offs = 0;
  pm = new PowerManagement({ clock, sci, powerOff: () => offs++ });
});

describe('ACPI power management', () => {
  it('counts 24 bits', () => {
    clock.advance(0x123_4567);
    expect(pm.timer.read(0, 4)).toBe(0x23_4567);
    expect([pm.timer.read(1, 1), pm.timer.read(2, 2)]).toEqual([0x45, 0x23]);
  });

  it('raises TMR_STS each time bit 23 changes', () => {
    pm.event.write(2, 2, 0x0001);
    clock.advance(0x7f_ffff);
    expect(sci.level).toBe(false);
    clock.advance(1);
    expect([sci.level, pm.event.read(0, 2)]).toEqual([true, 1]);
    pm.event.write(0, 1, 1);
    expect(sci.level).toBe(false);
    clock.advance(0x80_0000);
    expect(sci.rises).toBe(2);
  });

  it('notices TMR_STS also while nobody asked to be interrupted', () => {
    clock.advance(0x80_0000);
    expect(clock.nextEvent).toBeUndefined();
    expect(pm.event.read(0, 2)).toBe(1);
    expect(sci.level).toBe(false);
  });

  it('clears status bits by writing ones, also by bytes', () => {
    pm.event.write(2, 2, 0x0120);
    pm.pressPowerButton();
    expect(sci.level).toBe(true);
    pm.event.write(0, 1, 0xff);
    expect(pm.event.read(1, 1)).toBe(0x01);
    pm.event.write(1, 1, 0x01);
    expect([pm.event.read(0, 2), sci.level]).toEqual([0, false]);
    expect(pm.event.read(2, 2)).toBe(0x0120);
  });

  it('handles general-purpose events the same way', () => {
    pm.raiseEvent(9);
    expect(sci.level).toBe(false);
    pm.generalEvents.write(3, 1, 0x02);
    expect(sci.level).toBe(true);
    expect(pm.generalEvents.read(1, 2)).toBe(0x0002);
    pm.generalEvents.write(0, 2, 0x0200);
    expect([sci.level, pm.generalEvents.read(0, 2)]).toEqual([false, 0]);
  });

  it('powers off for S5 with SLP_EN only', () => {
    expect(pm.control.read(0, 2)).toBe(1);
    pm.control.write(0, 2, 5 << 10);
    pm.control.write(0, 2, 0x2000 | (3 << 10));
    expect(offs).toBe(0);
    pm.control.write(0, 2, 0x2000 | (5 << 10));
    expect(offs).toBe(1);
    expect(pm.control.read(0, 2)).toBe((5 << 10) | 1);
  });
});
