/**
 * An estimate as sums over units, so that a bootstrap can compute it again from resampled units. A unit is one logged action, or one list.
 */

/** A mean over units, or a ratio of two. */
export interface Part {
  /** Unit of each entry [entries]; absent if entry i belongs to unit i. */
  readonly units?: Int32Array;
  /** [entries] */
  readonly numerator: Float64Array;
  /** [entries]; absent for ones. */
  readonly denominator?: Float64Array;
}

/**
 * The value per unit is the sum over parts of (entries / units) · Σ numerator / Σ denominator. For one part without a denominator and one
 * entry a unit, this is the mean of the numerators.
 */
export type Terms = readonly Part[];

/** @returns the estimate; NaN if there are no units, or if a denominator's sum is 0 */
export function estimateOf(terms: Terms, units: number): number {
  let value = 0;
  for (const { numerator, denominator } of terms) {
    const above = sum(numerator);
    value += denominator ? (numerator.length / units) * (above / sum(denominator)) : above / units;
  }
  return units === 0 ? Number.NaN : value;
}

/** Sum with Neumaier's compensation, so that it does not depend on the number of rows. */
export function sum(values: Float64Array): number {
  let total = 0;
  let lost = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}
