/** The layout of the CPU block, for definitions whose state is reached by `Context.field`. */
export { STATE } from '../cpu/state.ts';
