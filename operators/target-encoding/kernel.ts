/**
 * Key columns of any dtype → float columns: the smoothed mean of each target among the rows with the same key, `(sum + p · mean) / (count +
 * p)`. For an unknown key it is the target's mean.
 */
import type { PathInside } from "../../contract/files/path-inside.js";
import type { OpState } from "../../contract/op-state.js";
import type { Step } from "../../contract/plan.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { indexTuples } from "../../runtime/base/columns/tuple-index.js";
import type { InputsOf, Kernel, PreparedKernel } from "../../runtime/engine/schedule/kernel.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { type FittedTable, readFittedTable } from "../shared/kernel/fitted-table.js";
import { foldDealer } from "../shared/kernel/mersenne-twister.js";
import { rowNumbers } from "../shared/kernel/row-numbers.js";
import { withValues } from "../shared/kernel/with-values.js";

export const targetEncoding: Kernel<"targetEncoding"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (targetEncoding)`;
    const { state } = step;
    const { pSmooth, outDtype } = step.params;
    const names = step.inputs.input.map(ref => ref.name);
    const Floats = outDtype === "float32" ? Float32Array : Float64Array;
    if (step.params.foldMode) return byFolds(step, state, folder, what);
    const groups = state.groups.map(({ columns, table: file }) => {
      const table = readFittedTable(artefactFile(folder, file));
      const keys = columns.map((_, i) => table[`key ${i}`]!);
      const encoded = Object.entries(state.means).map(([target, mean]) => {
        const sums = table[`sum ${target}`]!.values as Float64Array;
        const counts = table[`count ${target}`]!.values as BigInt64Array;
        const values = sums.map((sum, i) => (sum + pSmooth * mean) / (Number(counts[i]) + pSmooth));
        // Without smoothing a key whose targets are all null has no mean of its own.
        return { values: values.map(v => (Number.isNaN(v) ? mean : v)), mean };
      });
      return { at: columns.map(name => names.indexOf(name)), places: indexTuples(keys, columns, what), encoded };
    });
    return {
      run: inputs =>
        groups.flatMap(({ at, places, encoded }) => {
          const keys = at.map(i => inputs.input[i]!);
          const found = places(keys);
          return encoded.map(({ values, mean }) => {
            const floats = new Floats(found.length);
            for (let i = 0; i < floats.length; i++) floats[i] = found[i]! < 0 ? mean : values[found[i]!]!;
            return withValues(keys[0]!, outDtype, floats);
          });
        }),
    };
  },
};

/**
 * Out of fold, as NVTabular encodes: a row takes the statistics of its key less those of the key within the row's fold. A key without rows in that
 * fold has the target's mean.
 */
function byFolds(
  step: Step<"targetEncoding">,
  state: OpState["targetEncoding"],
  folder: string,
  what: string,
): PreparedKernel<InputsOf<"targetEncoding">> {
  const { pSmooth, outDtype, kfold = 3, foldSeed = 42 } = step.params;
  const names = step.inputs.input.map(ref => ref.name);
  const Floats = outDtype === "float32" ? Float32Array : Float64Array;
  const dealer = foldDealer(kfold, foldSeed);
  const open = (file: PathInside, columns: readonly string[]) => {
    const table = readFittedTable(artefactFile(folder, file));
    return {
      table,
      places: indexTuples(
        columns.map((_, i) => table[`key ${i}`]!),
        columns,
        what,
      ),
    };
  };
  const groups = state.groups.map(({ columns, table, folds }) => ({
    at: columns.map(name => names.indexOf(name)),
    all: open(table, columns),
    folds: open(folds!, ["fold", ...columns]),
  }));
  return {
    run: inputs => {
      const numbers = rowNumbers(inputs);
      const first = inputs.input[0];
      const fold: Column = {
        dtype: "int64",
        rows: first.rows,
        values: BigInt64Array.from(numbers, n => BigInt(dealer(n))),
      };
      return groups.flatMap(({ at, all, folds }) => {
        const keys = at.map(i => inputs.input[i]!);
        const inAll = all.places(keys);
        const inFold = folds.places([fold, ...keys]);
        return Object.entries(state.means).map(([target, mean]) => {
          const of = ({ table }: { readonly table: FittedTable }, place: number) => [
            Number((table[`sum ${target}`]!.values as Float64Array)[place]),
            Number((table[`count ${target}`]!.values as BigInt64Array)[place]),
          ];
          const floats = new Floats(inAll.length);
          for (let i = 0; i < floats.length; i++) {
            floats[i] = mean;
            if (inFold[i]! < 0) continue;
            const [[sum, count], [sumHere, countHere]] = [of(all, inAll[i]!), of(folds, inFold[i]!)];
            const value = (sum! - sumHere! + pSmooth * mean) / (count! - countHere! + pSmooth);
            if (!Number.isNaN(value)) floats[i] = value;
          }
          return withValues(keys[0]!, outDtype, floats);
        });
      });
    },
  };
}
