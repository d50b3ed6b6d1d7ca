/** What can be put back into a state in which it was before. */
export interface Stateful<State> {
  /** The state as plain data that shares nothing that will change. */
  save(): State;
  restore(state: State): void;
}
