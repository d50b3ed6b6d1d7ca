/** Processor time, nanoseconds. */
export interface ProcessorTime {
  /** Of the thread that emulates the processor. */
  readonly thread: number;
  /** Of its whole process: also of the threads that compile and collect garbage meanwhile. */
  readonly process: number;
}

export const NO_TIME: ProcessorTime = { thread: 0, process: 0 };

export const difference = (a: ProcessorTime, b: ProcessorTime): ProcessorTime => ({
  thread: a.thread - b.thread,
  process: a.process - b.process,
});
