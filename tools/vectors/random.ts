/** The pseudo-random generator of the templates. Recorded vectors depend on every number that it gives. */
export { mix, Random } from '../../src/cpu/testing/random.ts';
