/** Key columns of any dtype → statistics of the fitted rows with the same key. A key not seen has count 0 and nulls. */

import { type Column, gather } from "../../runtime/base/columns/table.js";
import { indexTuples } from "../../runtime/base/columns/tuple-index.js";
import type { JoinCounters, Kernel } from "../../runtime/engine/schedule/kernel.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { countMatches } from "../shared/kernel/count-matches.js";
import { readFittedTable } from "../shared/kernel/fitted-table.js";

export const joinGroupby: Kernel<"joinGroupby"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (joinGroupby)`;
    const names = step.inputs.input.map(ref => ref.name);
    const groups = step.state.groups.map(({ columns, table: file }) => {
      const table = readFittedTable(artefactFile(folder, file));
      const keys = columns.map((_, i) => table[`key ${i}`]!);
      const values = Object.entries(table).filter(([name]) => !/^key \d+$/.test(name));
      const name = step.state.groups.length > 1 ? `${step.label} by ${columns.join(", ")}` : step.label;
      const counted: JoinCounters = { name, rows: 0, matched: 0 };
      return {
        at: columns.map(name => names.indexOf(name)),
        places: indexTuples(keys, columns, what),
        values,
        counted,
      };
    });
    return {
      joins: groups.map(({ counted }) => counted),
      run: inputs =>
        groups.flatMap(({ at, places, values, counted }) => {
          const keys = at.map(i => inputs.input[i]!);
          const found = places(keys);
          countMatches(counted, found);
          return values.map(([name, col]) => joined(col, found, keys[0]!, name.endsWith("_count")));
        }),
    };
  },
};

function joined(col: Column, places: Int32Array, { rows }: Column, isCount: boolean): Column {
  const known = places.map(place => Math.max(0, place));
  const picked = gather(col, known, rows);
  if (!places.includes(-1)) return picked;
  const { values } = picked;
  if (isCount) {
    for (let i = 0; i < places.length; i++) if (places[i]! < 0) (values as Int32Array)[i] = 0;
    return picked;
  }
  const validity = picked.validity ?? new Uint8Array(places.length).fill(1);
  for (let i = 0; i < places.length; i++) if (places[i]! < 0) validity[i] = 0;
  return { ...picked, validity };
}
