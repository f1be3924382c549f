/** Ridge regression with an intercept by its normal equations: rows are added one by one, and memory is that of one matrix. */

/** Σ of x xᵀ and of x y over rows, with 1 as x's first entry. */
export interface Moments {
  /** Number of entries of x, with the 1. */
  readonly size: number;
  /** [size · size], the lower triangle alone */
  readonly gram: Float64Array;
  /** [size] */
  readonly target: Float64Array;
}

export const moments = (features: number): Moments => ({
  size: features + 1,
  gram: new Float64Array((features + 1) ** 2),
  target: new Float64Array(features + 1),
});

/**
 * Adds a row whose features from `dense` on are all 0 but one.
 * @param x float64[≥ dense]: the first features @param dense number of them @param hot index of the feature that is 1, from `dense` on
 */
export function addRow({ size, gram, target }: Moments, x: Float64Array, dense: number, hot: number, y: number): void {
  gram[0]! += 1;
  target[0]! += y;
  for (let i = 0; i < dense; i++) {
    const value = x[i]!;
    const row = (i + 1) * size;
    gram[row]! += value;
    target[i + 1]! += value * y;
    for (let j = 0; j <= i; j++) gram[row + j + 1]! += value * x[j]!;
  }
  const row = (hot + 1) * size;
  gram[row]! += 1;
  gram[row + hot + 1]! += 1;
  target[hot + 1]! += y;
  for (let j = 0; j < dense; j++) gram[row + j + 1]! += x[j]!;
}

/** The moments of all rows of several sets. They have one size. */
export function sumOf(sets: readonly Moments[]): Moments {
  const all = moments(sets[0]!.size - 1);
  for (const { gram, target } of sets) {
    for (let i = 0; i < gram.length; i++) all.gram[i]! += gram[i]!;
    for (let i = 0; i < target.length; i++) all.target[i]! += target[i]!;
  }
  return all;
}

/**
 * The coefficients that minimize Σ (y − xᵀβ)² + penalty · Σ βᵢ² over i ≥ 1. Equal to scikit-learn's `Ridge(alpha=penalty)`.
 * @param given at least one row @param penalty above 0 @returns float64[size], the intercept first
 */
export function ridge({ size, gram, target }: Moments, penalty: number): Float64Array {
  // Cholesky: the matrix is positive definite, as it has rows and a penalty.
  const lower = gram.slice();
  for (let i = 1; i < size; i++) lower[i * size + i]! += penalty;
  for (let j = 0; j < size; j++) {
    let pivot = lower[j * size + j]!;
    for (let k = 0; k < j; k++) pivot -= lower[j * size + k]! ** 2;
    const root = Math.sqrt(pivot);
    lower[j * size + j] = root;
    for (let i = j + 1; i < size; i++) {
      let value = lower[i * size + j]!;
      for (let k = 0; k < j; k++) value -= lower[i * size + k]! * lower[j * size + k]!;
      lower[i * size + j] = value / root;
    }
  }
  const beta = target.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) beta[i]! -= lower[i * size + k]! * beta[k]!;
    beta[i]! /= lower[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) beta[i]! -= lower[k * size + i]! * beta[k]!;
    beta[i]! /= lower[i * size + i]!;
  }
  return beta;
}
