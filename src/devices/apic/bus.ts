import { DELIVERY } from './registers.ts';

/** An interrupt message on its way to local APICs. */
export interface InterruptMessage {
  readonly destination: number;
  /** `destination` names logical APIC IDs instead of physical ones. */
  readonly logical: boolean;
  /** One of `DELIVERY`. */
  readonly delivery: number;
  readonly vector: number;
  /** Level-triggered: ends with an EOI message. */
  readonly level: boolean;
  /** The destination has 32 bits, from a sender in x2APIC mode; otherwise 8. */
  readonly wide: boolean;
}

/** A local APIC as the bus sees it. */
export interface MessageReceiver {
  isAddressedBy(message: InterruptMessage): boolean;
  /** For lowest-priority delivery: smaller is more willing. */
  readonly processorPriority: number;
  deliver(message: InterruptMessage): void;
}

/** An I/O APIC as the bus sees it. */
export interface EndOfInterruptReceiver {
  endOfInterrupt(vector: number): void;
}

/** Carries messages among local APICs and I/O APICs. It has wires but no state. */
export class ApicBus {
  private readonly locals: MessageReceiver[] = [];
  private readonly others: EndOfInterruptReceiver[] = [];

  connectLocal(apic: MessageReceiver): void {
    this.locals.push(apic);
  }

  connectIo(apic: EndOfInterruptReceiver): void {
    this.others.push(apic);
  }

  /** Delivers to whom the message addresses; false when nobody is there. */
  send(message: InterruptMessage): boolean {
    const addressed = this.locals.filter((apic) => apic.isAddressedBy(message));
    if (addressed.length === 0) return false;
    if (message.delivery === DELIVERY.LOWEST_PRIORITY) mostWilling(addressed).deliver(message);
    else for (const apic of addressed) apic.deliver(message);
    return true;
  }

  /** Delivers to all, or to all but the sender. */
  broadcast(message: InterruptMessage, except?: MessageReceiver): void {
    for (const apic of this.locals) if (apic !== except) apic.deliver(message);
  }

  /** The EOI of a level-triggered interrupt. */
  endOfInterrupt(vector: number): void {
    for (const apic of this.others) apic.endOfInterrupt(vector);
  }
}

/** Among equals the first, so that runs repeat. */
const mostWilling = (apics: readonly MessageReceiver[]): MessageReceiver =>
  apics.reduce((best, apic) => (apic.processorPriority < best.processorPriority ? apic : best));
