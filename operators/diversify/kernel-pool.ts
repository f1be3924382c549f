/**
 * One user's candidates, as the ways to diversify them take them.
 */
/** One user's candidates: relevance in 0 … 1, and unit vectors (or zeros). */
export interface Pool {
  readonly count: number;
  readonly relevance: Float64Array;
  /** Row i is candidate i's vector, of `width` numbers. */
  readonly unit: Float64Array;
  readonly width: number;
}
