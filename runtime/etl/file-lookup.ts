/** A fitted `joinExternal` -> functions of a connection: a column of the file by key, and whether it has the key. */
import { join } from "node:path";
import { BOOLEAN, DuckDBScalarFunction } from "@duckdb/node-api";
import type { DType } from "../../triton-protos/datatype.js";
import type { ColumnRef, Step } from "../../triton-protos/plan.js";
import { readFittedTable } from "../kernels/fitted-table.js";
import { indexTuples } from "../kernels/tuple-index.js";
import { type Column, rootRows } from "../plan/table.js";
import type { Database } from "./database.js";
import { readPiece } from "./read-columns.js";
import { sqlType } from "./sql/literal.js";

/** Name of the function that answers the file's column `i`, or whether the key was found. */
export const fileLookup = (stepId: string, i: number | "found"): string =>
  `merlon_file_${Buffer.from(stepId).toString("hex")}_${i}`;

export async function registerFile(
  { connection }: Database,
  step: Step<"joinExternal">,
  dtypeOf: (ref: ColumnRef) => DType,
  folder: string,
): Promise<void> {
  const { on, columns } = step.params;
  const dtypes = on.map(name => dtypeOf(step.inputs.input!.find(ref => ref.name === name)!));
  const table = readFittedTable(join(folder, step.state!.table));
  const places = indexTuples(
    on.map((_, i) => table[`key ${i}`]!),
    on,
    `step \`${step.id}\` (joinExternal)`,
  );
  const typeOf = async (dtype: DType) =>
    (await connection.runAndReadAll(`SELECT CAST(NULL AS ${sqlType(dtype)})`)).columnType(0);
  const parameterTypes = await Promise.all(dtypes.map(typeOf));
  const register = (name: string, returnType: Awaited<ReturnType<typeof typeOf>>, answer: (place: number) => unknown) =>
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes,
        returnType,
        // A null key is a key.
        specialHandling: true,
        mainFunction(_info, input, output) {
          const rows = rootRows(input.rowCount);
          const found = places(dtypes.map((dtype, c): Column => ({ dtype, rows, ...readPiece(input, c, dtype) })));
          for (let r = 0; r < rows.count; r++) output.setItem(r, answer(found[r]!) as never);
          output.flush();
        },
      }),
    );
  register(fileLookup(step.id, "found"), BOOLEAN, place => place >= 0);
  for (const [i, [name, dtype]] of Object.entries(columns).entries()) {
    const { values, validity } = table[name]!;
    register(fileLookup(step.id, i), await typeOf(dtype), place => {
      const value = values[place];
      if (place < 0 || validity?.[place] === 0 || (typeof value === "number" && Number.isNaN(value))) return null;
      return dtype === "bool" ? value === 1 : value;
    });
  }
}
