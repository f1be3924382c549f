/** Figures of samples: quantiles, and whether memory grows. */

export const sorted = numbers => numbers.toSorted((a, b) => a - b);

/** @param ordered numbers in ascending order @returns the q-th of them, or NaN of none */
export const quantile = (ordered, q) =>
  ordered[Math.min(ordered.length - 1, Math.floor(q * ordered.length))] ?? Number.NaN;

export const median = numbers => quantile(sorted(numbers), 0.5);

/** The median with the least and the most. */
export const spread = (numbers, digits = 2) =>
  `${median(numbers).toFixed(digits)} (${Math.min(...numbers).toFixed(digits)} to ${Math.max(...numbers).toFixed(digits)})`;

/**
 * Growth from each point to the next, without a tenth of the largest and of the smallest steps. A heap that returns its pages at once
 * would bend a line of least squares.
 * @param points `[x, y]` at equal distances @returns y per x
 */
export function steadyGrowth(points) {
  const steps = sorted(points.slice(1).map(([x, y], i) => (y - points[i][1]) / (x - points[i][0])));
  const cut = Math.ceil(steps.length / 10);
  const kept = steps.slice(cut, -cut);
  return kept.reduce((sum, one) => sum + one, 0) / kept.length;
}
