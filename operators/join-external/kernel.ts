/**
 * Columns → the same columns and those of the fitted file's row with the same key. Without such a row they are null, or, in an inner join,
 * the row is dropped.
 */

import { type Column, gather, type Rows } from "../../runtime/base/columns/table.js";
import { indexTuples } from "../../runtime/base/columns/tuple-index.js";
import { filterRows } from "../../runtime/engine/cache/filter-rows.js";
import type { JoinCounters, Kernel } from "../../runtime/engine/schedule/kernel.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { countMatches } from "../shared/kernel/count-matches.js";
import { readFittedTable } from "../shared/kernel/fitted-table.js";

export const joinExternal: Kernel<"joinExternal"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (joinExternal)`;
    const { on, how, columns: external } = step.params;
    const names = step.inputs.input.map(ref => ref.name);
    const table = readFittedTable(artefactFile(folder, step.state.table));
    const places = indexTuples(
      on.map((_, i) => table[`key ${i}`]!),
      on,
      what,
    );
    const joinedNames = Object.keys(external);
    const counted: JoinCounters = { name: step.label, rows: 0, matched: 0 };
    return {
      joins: [counted],
      run: inputs => {
        const columns = inputs.input;
        const found = places(on.map(name => columns[names.indexOf(name)]!));
        countMatches(counted, found);
        const { rows } = columns[0];
        if (how === "left") return [...columns, ...joinedNames.map(name => look(table[name]!, found, rows))];
        const left = filterRows(
          rows,
          Uint8Array.from(found, place => (place < 0 ? 0 : 1)),
        );
        const known = left.kept.map(row => found[row]!);
        return [
          ...columns.map(col => gather(col, left.kept, left.rows)),
          ...joinedNames.map(name => gather(table[name]!, known, left.rows)),
        ];
      },
    };
  },
};

function look(col: Column, places: Int32Array, rows: Rows): Column {
  if (col.rows.count === 0) return { ...col, rows, ...missing(col, places.length) };
  const picked = gather(
    col,
    places.map(place => Math.max(0, place)),
    rows,
  );
  if (!places.includes(-1)) return picked;
  const validity = picked.validity ?? new Uint8Array(places.length).fill(1);
  for (let i = 0; i < places.length; i++) if (places[i]! < 0) validity[i] = 0;
  return { ...picked, validity };
}

const missing = ({ values }: Column, count: number): Pick<Column, "values" | "validity"> => ({
  values: Array.isArray(values)
    ? new Array<string>(count).fill("")
    : new (values.constructor as Float64ArrayConstructor)(count),
  validity: new Uint8Array(count),
});
