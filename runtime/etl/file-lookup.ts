/** A fitted `joinExternal` → functions of a connection: a column of the file by key, and whether it has the key. */
import { join } from "node:path";
import type { ColumnRef, Fitted } from "../../contract/plan.js";
import { readFittedTable } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import { allocate, type Column, type Values } from "../base/columns/table.js";
import { indexTuples } from "../base/columns/tuple-index.js";
import { registerColumnFunction } from "./column-function.js";
import type { Database } from "./database.js";

/** Name of the function that answers the file's column `i`, or whether the key was found. */
export const fileLookup = (stepId: string, i: number | "found"): string =>
  `merlon_file_${Buffer.from(stepId).toString("hex")}_${i}`;

export async function registerFile(
  { connection }: Database,
  step: Fitted<"joinExternal">,
  dtypeOf: (ref: ColumnRef) => DType,
  folder: string,
): Promise<void> {
  const { on, columns } = step.params;
  const dtypes = on.map(name => dtypeOf(step.inputs.input.find(ref => ref.name === name)!));
  const table = readFittedTable(join(folder, step.state.table));
  const places = indexTuples(
    on.map((_, i) => table[`key ${i}`]!),
    on,
    `step \`${step.id}\` (joinExternal)`,
  );
  const register = (name: string, output: DType, answer: (found: Int32Array) => Pick<Column, "values" | "validity">) =>
    registerColumnFunction(connection, { name, inputs: dtypes, output, run: keys => answer(places(keys)) });
  register(fileLookup(step.id, "found"), "bool", found => ({
    values: Uint8Array.from(found, place => Number(place >= 0)),
  }));
  for (const [i, [name, dtype]] of Object.entries(columns).entries()) {
    const { values, validity } = table[name]!;
    register(fileLookup(step.id, i), dtype, found => {
      const taken = allocate(dtype, found.length) as { [i: number]: unknown };
      const present = new Uint8Array(found.length);
      for (const [r, place] of found.entries())
        if (place >= 0 && validity?.[place] !== 0) {
          taken[r] = values[place];
          present[r] = 1;
        }
      return { values: taken as unknown as Values, validity: present };
    });
  }
}
