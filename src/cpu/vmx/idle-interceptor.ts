import type { Interceptor } from '../system/intercept.ts';

/**
 * The interceptor of a halted native host: it has no interrupt descriptor table, so external interrupts
 * go to `interrupted`. Nothing is executed meanwhile, so no other question can come up.
 */
export function idleInterceptor(interrupted: () => boolean): Interceptor {
  const no = (): boolean => false;
  return {
    instruction: no,
    interceptsFlags: no,
    controlRegister: no,
    readShadow: (_, actual) => actual,
    merge: (_, value) => value,
    debugRegister: no,
    port: no,
    msr: no,
    tscOffset: () => 0,
    exception: no,
    taskSwitch: no,
    tripleFault: no,
    externalInterrupt: interrupted,
    nmi: () => true,
    keepsSignals: false,
    nmiBlocking: () => 0,
    iretUnblocksNmi: () => true,
    init: no,
    startup: no,
    boundary: no,
    admitsInterrupts: () => true,
    virtualInterrupt: no,
    readTaskPriority: () => undefined,
    writeTaskPriority: no,
    awaitsInterruptWindow: no,
    deadline: () => Number.POSITIVE_INFINITY,
    pendingExit: () => {},
    allowsRdtscp: () => true,
    allowsInvpcid: () => true,
  };
}
