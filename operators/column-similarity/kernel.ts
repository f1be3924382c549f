/**
 * Pairs of id columns → float64 columns: the inner product of the fitted features of the two ids. It is 0 for an id without any, null for a
 * null.
 */

import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import type { Column } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { readFittedTable } from "../shared/kernel/fitted-table.js";
import { withValues } from "../shared/kernel/with-values.js";

export const columnSimilarity: Kernel<"columnSimilarity"> = {
  prepare(step, { folder }) {
    const { state } = step;
    const left = readMatrix(artefactFile(folder, state.left));
    const right = state.right === state.left ? left : readMatrix(artefactFile(folder, state.right));
    const names = step.inputs.input.map(ref => ref.name);
    const pairs = step.params.groups.map(group => group.map(name => names.indexOf(name)));
    return {
      run: inputs => pairs.map(([a, b]) => similarities(inputs.input[a!]!, left, inputs.input[b!]!, right)),
    };
  },
};

/** Features of each row, by rising column: those of row r are from `starts[r]` to `starts[r + 1]`. */
interface Matrix {
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly weights: Float64Array;
}

function readMatrix(file: string): Matrix {
  const { row, column, weight } = readFittedTable(file);
  const rows = row!.values as Int32Array;
  const starts = new Int32Array((rows.at(-1) ?? -1) + 2);
  for (const r of rows) starts[r + 1]!++;
  for (let r = 1; r < starts.length; r++) starts[r] = starts[r]! + starts[r - 1]!;
  return { starts, columns: column!.values as Int32Array, weights: weight!.values as Float64Array };
}

function similarities(a: Column, left: Matrix, b: Column, right: Matrix): Column {
  const made = new Float64Array(a.rows.count);
  const [missingA, missingB] = [nullFlags(a), nullFlags(b)];
  for (let i = 0; i < made.length; i++)
    made[i] =
      missingA[i] === 1 || missingB[i] === 1
        ? Number.NaN
        : inner(left, Number(a.values[i]), right, Number(b.values[i]));
  return withValues(a, "float64", made);
}

function inner(left: Matrix, a: number, right: Matrix, b: number): number {
  let at = left.starts[a] ?? 0;
  let bt = right.starts[b] ?? 0;
  const [endA, endB] = [left.starts[a + 1] ?? 0, right.starts[b + 1] ?? 0];
  let sum = 0;
  while (at < endA && bt < endB) {
    const [x, y] = [left.columns[at]!, right.columns[bt]!];
    if (x === y) sum += left.weights[at++]! * right.weights[bt++]!;
    else if (x < y) at++;
    else bt++;
  }
  return sum;
}
