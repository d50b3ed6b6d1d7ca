import { ACPI_FIXED, FREQUENCY } from '../../arch/pc.ts';
import type { Clock, Timer } from '../../contracts/clock.ts';
import type { BusTarget, Device, InterruptLine } from '../../contracts/device.ts';
import { TickRate } from '../rate.ts';
import { copyState, restoreTimer, savedTimer } from '../state.ts';
import { wordRegisters } from '../words.ts';

/** ACPI specification, "Fixed Hardware Registers". */
const PM1 = { TIMER: 0x0001, GLOBAL: 0x0020, POWER_BUTTON: 0x0100, RTC: 0x0400 } as const;
const PM1_STATUS = PM1.TIMER | PM1.GLOBAL | PM1.POWER_BUTTON;
/** The RTC's alarm has no event here (FADT says so), but Linux enables it and expects to read that back. */
const PM1_ENABLE = PM1_STATUS | PM1.RTC;
const PM1_CONTROL = { SCI_EN: 0x0001, SLP_TYP: 0x1c00, SLP_EN: 0x2000 } as const;
const SLP_TYP_SHIFT = 10;

const TIMER_MODULUS = 2 ** ACPI_FIXED.pmTimerBits;
/** TMR_STS is set each time the top bit of the count changes. */
const HALF_TURN = TIMER_MODULUS / 2;

export interface PowerManagementWires {
  readonly clock: Clock;
  /** System control interrupt, level-triggered. */
  readonly sci: InterruptLine;
  powerOff(): void;
}

export interface PowerManagementState {
  status: number;
  enable: number;
  control: number;
  gpeStatus: number;
  gpeEnable: number;
  /** Half turns of the timer that TMR_STS has been worked out for. */
  seenHalfTurns: number;
  timerAt: number | null;
}

const powerOn = (): Omit<PowerManagementState, 'timerAt'> => ({
  status: 0,
  enable: 0,
  control: PM1_CONTROL.SCI_EN,
  gpeStatus: 0,
  gpeEnable: 0,
  seenHalfTurns: 0,
});

/**
 * ACPI fixed hardware. Bus targets: `event` (PM1a status and enable, 2 bytes each), `control` (PM1a
 * control, 2 bytes), `timer` (4 bytes) and `generalEvents` (GPE0 status and enable, 2 bytes each).
 * The computer is always in ACPI mode: SCI_EN is set and cannot be cleared. Of the sleep states only
 * S5 is there; others are ignored.
 */
export class PowerManagement implements Device<PowerManagementState> {
  readonly event: BusTarget;
  readonly control: BusTarget;
  readonly timer: BusTarget;
  readonly generalEvents: BusTarget;
  private readonly wires: PowerManagementWires;
  private readonly rate: TickRate;
  private readonly alarm: Timer;
  private s = powerOn();

  constructor(wires: PowerManagementWires) {
    this.wires = wires;
    this.rate = new TickRate(wires.clock.hz, FREQUENCY.pmTimer);
    this.alarm = wires.clock.timer('pm timer', () => this.update());
    this.event = wordRegisters(
      { read: () => this.readStatus(), write: (value) => this.acknowledge(value) },
      { read: () => this.s.enable, write: (value, mask) => this.setEnable((this.s.enable & ~mask) | value) },
    );
    this.control = wordRegisters({
      read: () => this.s.control,
      write: (value, mask) => this.writeControl((this.s.control & ~mask) | value),
    });
    this.timer = {
      read: (offset, size) => Math.floor(this.count / 2 ** (offset * 8)) % 2 ** (size * 8),
      write: () => {},
    };
    this.generalEvents = wordRegisters(
      {
        read: () => this.s.gpeStatus,
        write: (value) => this.setGeneral(this.s.gpeStatus & ~value, this.s.gpeEnable),
      },
      {
        read: () => this.s.gpeEnable,
        write: (value, mask) => this.setGeneral(this.s.gpeStatus, (this.s.gpeEnable & ~mask) | value),
      },
    );
  }

  /** The user presses the power button. */
  pressPowerButton(): void {
    this.s.status |= PM1.POWER_BUTTON;
    this.update();
  }

  /** Raises general-purpose event `number` (0..15). */
  raiseEvent(number: number): void {
    this.setGeneral(this.s.gpeStatus | (1 << number), this.s.gpeEnable);
  }

  reset(): void {
    this.s = { ...powerOn(), seenHalfTurns: this.halfTurns };
    this.update();
  }

  save(): PowerManagementState {
    return { ...copyState(this.s), timerAt: savedTimer(this.alarm) };
  }

  restore(state: PowerManagementState): void {
    const { timerAt, ...rest } = copyState(state);
    this.s = rest;
    restoreTimer(this.alarm, timerAt);
  }

  private get ticks(): number {
    return this.rate.ticks(this.wires.clock.now());
  }

  private get count(): number {
    return this.ticks % TIMER_MODULUS;
  }

  private get halfTurns(): number {
    return Math.floor(this.ticks / HALF_TURN);
  }

  private readStatus(): number {
    this.update();
    return this.s.status;
  }

  private acknowledge(bits: number): void {
    this.update();
    this.s.status &= ~bits;
    this.update();
  }

  private setEnable(value: number): void {
    this.s.enable = value & PM1_ENABLE;
    this.update();
  }

  private setGeneral(status: number, enable: number): void {
    this.s.gpeStatus = status;
    this.s.gpeEnable = enable;
    this.update();
  }

  private writeControl(value: number): void {
    this.s.control = (value & PM1_CONTROL.SLP_TYP) | PM1_CONTROL.SCI_EN;
    const sleepType = (value & PM1_CONTROL.SLP_TYP) >> SLP_TYP_SHIFT;
    if (value & PM1_CONTROL.SLP_EN && sleepType === ACPI_FIXED.sleepTypeS5) this.wires.powerOff();
  }

  private update(): void {
    const turns = this.halfTurns;
    if (turns > this.s.seenHalfTurns) this.s.status |= PM1.TIMER;
    this.s.seenHalfTurns = turns;
    const active = (this.s.status & this.s.enable) !== 0 || (this.s.gpeStatus & this.s.gpeEnable) !== 0;
    this.wires.sci.set(active);
    if (this.s.enable & PM1.TIMER) this.alarm.set(this.rate.cycles((turns + 1) * HALF_TURN));
    else this.alarm.cancel();
  }
}
