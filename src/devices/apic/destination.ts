import type { InterruptMessage } from './bus.ts';

/** What decides whether a message is meant for a local APIC. */
export interface ApicAddress {
  readonly id: number;
  readonly x2: boolean;
  /** LDR as software reads it. */
  readonly logicalDestination: number;
  /** DFR: all ones for the flat model, bits 31:28 clear for the cluster model. */
  readonly destinationFormat: number;
}

const CLUSTER_MODEL = 0;

/** The logical ID that hardware derives in x2APIC mode: cluster in the upper half, one bit of 16 in the lower. */
export const x2LogicalId = (id: number): number => (((id >> 4) << 16) | (1 << (id & 15))) >>> 0;

/** Intel SDM volume 3A, "Determining IPI Destination" and "Logical Destination Mode in x2APIC Mode". */
export function isAddressed(apic: ApicAddress, message: InterruptMessage): boolean {
  const { destination, logical, wide } = message;
  if (destination === (wide ? 0xffff_ffff : 0xff)) return true;
  if (!logical) return destination === apic.id;
  if (apic.x2) {
    const sameCluster = destination >>> 16 === apic.logicalDestination >>> 16;
    return sameCluster && (destination & apic.logicalDestination & 0xffff) !== 0;
  }
  if (destination > 0xff) return false;
  const own = apic.logicalDestination >>> 24;
  if (apic.destinationFormat >>> 28 !== CLUSTER_MODEL) return (destination & own) !== 0;
  const sameCluster = destination >> 4 === own >> 4 || destination >> 4 === 15;
  return sameCluster && (destination & own & 15) !== 0;
}
