/**
 * Tables of the second dimension: their format, and where their root is. That is an EPT pointer, which has
 * attributes in its low bits, or a nested CR3.
 */
export interface NestedRoot {
  readonly format: 'ept' | 'npt';
  readonly pointer: number;
}
