/** @param sorted numbers in ascending order @returns the q-th of them, or NaN of none */
export const quantile = (sorted, q) =>
  sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
