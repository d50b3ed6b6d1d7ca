import type { ComponentType } from 'react';
import { Code } from '../panels/code/Code.tsx';
import { Descriptors } from '../panels/descriptors/Descriptors.tsx';
import { Devices } from '../panels/devices/Devices.tsx';
import { Editor } from '../panels/editor/Editor.tsx';
import { Exits } from '../panels/exits/Exits.tsx';
import { Frames } from '../panels/frames/Frames.tsx';
import { Memory } from '../panels/memory/Memory.tsx';
import { Micro } from '../panels/micro/Micro.tsx';
import { Registers } from '../panels/registers/Registers.tsx';
import { Rings } from '../panels/rings/Rings.tsx';
import { Scheduler } from '../panels/scheduler/Scheduler.tsx';
import { Stack } from '../panels/stack/Stack.tsx';
import { Stops } from '../panels/stops/Stops.tsx';
import { Tiers } from '../panels/tiers/Tiers.tsx';
import { Vms } from '../panels/vms/Vms.tsx';
import { Walk } from '../panels/walk/Walk.tsx';

interface PanelEntry {
  readonly name: string;
  readonly component: ComponentType<{ visible: boolean }>;
}

/** All panels but the consoles, of which there is one per machine. */
export const PANELS = {
  vms: { name: 'Machines', component: Vms },
  rings: { name: 'Rings', component: Rings },
  exits: { name: 'VM exits', component: Exits },
  walk: { name: 'Page walk', component: Walk },
  scheduler: { name: 'Scheduler', component: Scheduler },
  frames: { name: 'Host frames', component: Frames },
  tiers: { name: 'Tiers', component: Tiers },
  editor: { name: 'Editor', component: Editor },
  code: { name: 'Code', component: Code },
  registers: { name: 'Registers', component: Registers },
  micro: { name: 'Micro-operations', component: Micro },
  memory: { name: 'Memory', component: Memory },
  stack: { name: 'Stack', component: Stack },
  descriptors: { name: 'Descriptor tables', component: Descriptors },
  devices: { name: 'Devices', component: Devices },
  stops: { name: 'Stops', component: Stops },
} as const satisfies Record<string, PanelEntry>;

export type PanelKind = keyof typeof PANELS;
