import { Actions, DockLocation, Model, type TabNode } from 'flexlayout-react';
import type { VmView } from '../../protocol/machine-view.ts';
import { focusPanel } from './focus.ts';
import { CONSOLE_SETS, consoleId, defaultLayout, panelTab, storedLayout, storeLayout } from './layout.ts';
import type { PanelKind } from './panels.tsx';

/** The model of the last visit if it still fits, else the default one. */
export function loadModel(): Model {
  const stored = storedLayout();
  if (stored !== undefined) {
    try {
      return Model.fromJson(stored);
    } catch {
      storeLayout(undefined);
    }
  }
  return Model.fromJson(defaultLayout());
}

export function freshModel(): Model {
  storeLayout(undefined);
  return Model.fromJson(defaultLayout());
}

/** Brings a panel to the front, opening it again when it was closed. */
export function showPanel(model: Model, kind: PanelKind): void {
  if (model.getNodeById(kind) !== undefined) model.doAction(Actions.selectTab(kind));
  else add(model, panelTab(kind), undefined);
}

/** Brings a panel to the front and gives it the focus. */
export function goToPanel(model: Model, kind: PanelKind): void {
  showPanel(model, kind);
  focusPanel(kind);
}

/** Brings a machine's console to the front, opening it again when it was closed, and gives it the focus. */
export function goToConsole(model: Model, vm: VmView): void {
  const tab = consoleId(vm.id);
  if (model.getNodeById(tab) === undefined) addConsole(model, vm);
  else model.doAction(Actions.selectTab(tab));
  focusPanel(tab);
}

/** Machines whose console the user closed: it is not opened again by itself. */
const known = new WeakMap<Model, Set<number>>();

/** Opens a console for each new machine and closes those of machines that are gone. */
export function syncConsoles(model: Model, vms: readonly VmView[]): void {
  const seen = known.get(model) ?? new Set();
  known.set(model, seen);
  const ids = new Set(vms.map(({ id }) => consoleId(id)));
  for (const id of consoleTabs(model)) {
    if (!ids.has(id)) model.doAction(Actions.deleteTab(id));
  }
  for (const vm of vms) {
    const { id } = vm;
    const tab = consoleId(id);
    const title = consoleTitle(vm);
    const node = model.getNodeById(tab) as TabNode | undefined;
    if (node !== undefined) {
      if (node.getName() !== title) model.doAction(Actions.renameTab(tab, title));
    } else if (!seen.has(id)) {
      addConsole(model, vm);
    }
    seen.add(id);
  }
}

export const consoleTitle = ({ id, name }: VmView): string => `Console ${id} · ${name}`;

function addConsole(model: Model, vm: VmView): void {
  const set = CONSOLE_SETS[(vm.id - 1) % CONSOLE_SETS.length];
  const tab = { type: 'tab', id: consoleId(vm.id), name: consoleTitle(vm), component: 'console' };
  add(model, { ...tab, config: { vm: vm.id } }, set);
}

function consoleTabs(model: Model): string[] {
  const ids: string[] = [];
  model.visitNodes((node) => {
    if (node.getType() === 'tab' && (node as TabNode).getComponent() === 'console') ids.push(node.getId());
  });
  return ids;
}

function add(model: Model, tab: ReturnType<typeof panelTab>, set: string | undefined): void {
  const target =
    (set === undefined ? undefined : model.getNodeById(set)) ??
    model.getActiveTabset() ??
    model.getFirstTabSet();
  if (target !== undefined)
    model.doAction(Actions.addTab(tab, target.getId(), DockLocation.CENTER, -1, true));
}
