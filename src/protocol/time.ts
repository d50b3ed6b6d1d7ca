/** An instant of simulated time. `ns` is derived from `cycles` by the machine's clock rate. */
export interface Instant {
  readonly cycles: number;
  readonly ns: number;
}

export const START: Instant = { cycles: 0, ns: 0 };
