import { VectorSet } from './vector-set.ts';

export interface PriorityState {
  readonly requested: number[];
  readonly inService: number[];
  readonly levelTriggered: number[];
  readonly taskPriority: number;
}

/**
 * Acceptance and dispensing of fixed interrupts (Intel SDM volume 3A, "Handling Interrupts"): IRR, ISR,
 * TMR, TPR and PPR of a local APIC. The highest vectors are kept at hand, for this is asked often.
 */
export class InterruptPriority {
  readonly requested = new VectorSet();
  readonly inService = new VectorSet();
  readonly levelTriggered = new VectorSet();
  taskPriority = 0;
  private highestRequest = -1;
  private highestInService = -1;

  /** PPR: the class of what is being served or of the task priority, whichever is higher. */
  get processorPriority(): number {
    const service = this.highestInService < 0 ? 0 : this.highestInService & 0xf0;
    return (this.taskPriority & 0xf0) >= service ? this.taskPriority : service;
  }

  /** Whether a vector waits whose class is above the processor priority. */
  get deliverable(): boolean {
    return this.highestRequest >> 4 > this.processorPriority >> 4;
  }

  accept(vector: number, level: boolean): void {
    this.requested.add(vector);
    if (level) this.levelTriggered.add(vector);
    else this.levelTriggered.delete(vector);
    if (vector > this.highestRequest) this.highestRequest = vector;
  }

  /** Moves the highest vector in service; -1 when none is deliverable. */
  acknowledge(): number {
    if (!this.deliverable) return -1;
    const vector = this.highestRequest;
    this.requested.delete(vector);
    this.inService.add(vector);
    this.highestInService = vector;
    this.highestRequest = this.requested.highest();
    return vector;
  }

  /** Ends the service of the highest vector and returns it, -1 when there is none. */
  endOfInterrupt(): number {
    const vector = this.highestInService;
    if (vector < 0) return -1;
    this.inService.delete(vector);
    this.highestInService = this.inService.highest();
    return vector;
  }

  reset(): void {
    this.requested.clear();
    this.inService.clear();
    this.levelTriggered.clear();
    this.taskPriority = 0;
    this.refresh();
  }

  save(): PriorityState {
    return {
      requested: this.requested.save(),
      inService: this.inService.save(),
      levelTriggered: this.levelTriggered.save(),
      taskPriority: this.taskPriority,
    };
  }

  restore(state: PriorityState): void {
    this.requested.restore(state.requested);
    this.inService.restore(state.inService);
    this.levelTriggered.restore(state.levelTriggered);
    this.taskPriority = state.taskPriority;
    this.refresh();
  }

  private refresh(): void {
    this.highestRequest = this.requested.highest();
    this.highestInService = this.inService.highest();
  }
}
