import type { RegistersView, RegisterView, SegmentView } from '../protocol/processor-view.ts';

/** Register values by name, of one vCPU at one instant. */
export type RegisterValues = ReadonlyMap<string, string>;

export function valuesOf(view: RegistersView): RegisterValues {
  const values = new Map<string, string>();
  for (const register of everyRegister(view)) values.set(register.name, String(register.value));
  for (const segment of view.segments) values.set(segment.name, segmentValue(segment));
  return values;
}

/** The view with `changed` set on everything that differs from `before`. */
export function markChanges(view: RegistersView, before: RegisterValues | undefined): RegistersView {
  if (before === undefined) return view;
  const mark = (register: RegisterView): RegisterView =>
    before.get(register.name) === String(register.value) ? register : { ...register, changed: true };
  return {
    ...view,
    general: view.general.map(mark),
    rip: mark(view.rip),
    rflags: mark(view.rflags),
    control: view.control.map(mark),
    segments: view.segments.map((segment) =>
      before.get(segment.name) === segmentValue(segment) ? segment : { ...segment, changed: true },
    ),
  };
}

function everyRegister(view: RegistersView): RegisterView[] {
  return [...view.general, view.rip, view.rflags, ...view.control];
}

function segmentValue(segment: SegmentView): string {
  return `${segment.selector} ${segment.base} ${segment.limit} ${segment.type}`;
}
