// Joined rows → weights of a click model: logistic regression by Newton's method, on the features as served. The position is a feature of the fit and is
// left out at serving, since an item has none before it is ordered.

/**
 * @param rows `{ features: number[], position: number from 0, label: 0 | 1 }`
 * @returns weight of each feature
 */
export function fitClicks(rows, positions, ridge = 1) {
  const width = rows[0].features.length;
  const size = width + positions;
  const weights = new Float64Array(size);
  const vectorOf = ({ features, position }) => {
    const x = new Float64Array(size);
    x.set(features);
    x[width + position] = 1;
    return x;
  };
  for (let round = 0; round < 20; round++) {
    const gradient = weights.map(w => -ridge * w);
    const curvature = Array.from({ length: size }, (_, i) => {
      const row = new Float64Array(size);
      row[i] = ridge;
      return row;
    });
    for (const row of rows) {
      const x = vectorOf(row);
      const p = 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * weights[i], 0)));
      for (let i = 0; i < size; i++) {
        if (x[i] === 0) continue;
        gradient[i] += x[i] * (row.label - p);
        for (let j = 0; j < size; j++) curvature[i][j] += p * (1 - p) * x[i] * x[j];
      }
    }
    const step = solve(curvature, gradient);
    for (let i = 0; i < size; i++) weights[i] += step[i];
    if (Math.max(...step.map(Math.abs)) < 1e-9) break;
  }
  return weights.slice(0, width);
}

/** Gaussian elimination of a positive definite system. */
function solve(matrix, right) {
  const size = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < size; i++)
    for (let k = i + 1; k < size; k++) {
      const factor = rows[k][i] / rows[i][i];
      for (let j = i; j <= size; j++) rows[k][j] -= factor * rows[i][j];
    }
  const solution = new Float64Array(size);
  for (let i = size - 1; i >= 0; i--) {
    let rest = rows[i][size];
    for (let j = i + 1; j < size; j++) rest -= rows[i][j] * solution[j];
    solution[i] = rest / rows[i][i];
  }
  return solution;
}
