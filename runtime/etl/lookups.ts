/**
 * What `merlon fit` learnt, made known to DuckDB: vocabularies and tables of groups as tables that rows are joined with; where a join cannot
 * be had, as functions that run the kernel's own code.
 */
import { join } from "node:path";
import { DuckDBScalarFunction, INTEGER } from "@duckdb/node-api";
import type { DType } from "../../triton-protos/datatype.js";
import type { AnyStep, ColumnRef } from "../../triton-protos/plan.js";
import { readsRowNumber } from "../../triton-protos/row-changes.js";
import { indexValues } from "../kernels/value-index.js";
import { readVocabulary, type Vocabulary } from "../kernels/vocabulary-file.js";
import type { Values } from "../plan/table.js";
import type { Database } from "./database.js";
import { registerFile } from "./file-lookup.js";
import { type GroupLookup, loadGroups } from "./group-lookup.js";
import { loadTable, tableExists } from "./load-table.js";
import { readPiece } from "./read-columns.js";
import { registerKernel, usesKernel } from "./sql/kernel-function.js";
import { sqlType } from "./sql/literal.js";
import type { SqlColumn, SqlContext } from "./sql/sql-form.js";
import { valuesTable } from "./vocabulary-table.js";

export interface Lookups {
  /** Table with the column `value`; a row's number is the value's place. Undefined: there is a function. */
  vocabulary(stepId: string, column: string): string | undefined;
  groups(stepId: string): readonly GroupLookup[] | undefined;
  /** Makes known what fitted steps look up. `find` knows the columns that exist. */
  add(steps: readonly AnyStep[], find: (ref: ColumnRef) => Pick<SqlColumn, "dtype" | "list">): Promise<void>;
}

/** @param folder that artefacts are in */
export function openLookups(database: Database, folder: string): Lookups {
  const vocabularies = new Map<string, string>();
  const groups = new Map<string, readonly GroupLookup[]>();
  const known = new Set<string>();
  return {
    vocabulary: (stepId, column) => vocabularies.get(placeName(stepId, column)),
    groups: stepId => groups.get(stepId),
    async add(steps, find) {
      for (const step of steps.filter(({ id }) => !known.has(id))) {
        known.add(step.id);
        if ((step.op === "targetEncoding" || step.op === "joinGroupby") && !readsRowNumber(step)) {
          const found = await loadGroups(database, step, ref => find(ref).dtype, folder);
          if (found) groups.set(step.id, found);
          else await registerKernel(database, step, ref => find(ref).dtype, folder);
        } else if (step.op === "joinExternal") await registerFile(database, step, ref => find(ref).dtype, folder);
        else if (usesKernel(step)) await registerKernel(database, step, ref => find(ref).dtype, folder);
        if (step.op !== "categorify" || usesKernel(step)) continue;
        for (const ref of step.inputs.input!) {
          const { vocabulary, cardinality } = step.state!.columns[ref.name]!;
          const { dtype, list } = find(ref);
          const read = () => readVocabulary(join(folder, vocabulary));
          const place = { stepId: step.id, column: ref.name, dtype, isList: list !== undefined, size: cardinality };
          const table = await defineVocabulary(database, place, read);
          if (table !== undefined) vocabularies.set(placeName(step.id, ref.name), table);
        }
      }
    },
  };
}

/** Answers the table to join with. Of text in lists it makes an enum type, whose casts are native and parallel. */
async function defineVocabulary(
  database: Database,
  { stepId, column, dtype, isList, size }: VocabularyPlace,
  read: () => Vocabulary,
): Promise<string | undefined> {
  const name = placeName(stepId, column);
  const canJoin = !isList && database.reserve(size * (dtype === "string" ? 80 : 40));
  if (!canJoin && dtype !== "string") {
    await registerPlaces(database, name, dtype, read().values);
    return undefined;
  }
  const table = valuesTable(stepId, column);
  // A fit has it already.
  if (!(await tableExists(database, table))) {
    const { values } = read();
    await loadTable(database, table, [{ name: "value", dtype, values }], values.length);
  }
  if (canJoin) return table;
  await database.run(
    `CREATE TYPE ${name} AS ENUM (SELECT value FROM ${table} ORDER BY rowid)`,
    `preparing the vocabulary of column \`${column}\``,
  );
  return undefined;
}

interface VocabularyPlace {
  readonly stepId: string;
  readonly column: string;
  readonly dtype: DType;
  readonly isList: boolean;
  /** Values, nearly. */
  readonly size: number;
}

/** See `SqlContext.place`: for values that no join reaches. */
export const placeByFunction: SqlContext["place"] = (stepId, { name, dtype }, value) =>
  dtype === "string"
    ? `enum_code(TRY_CAST(${value} AS ${placeName(stepId, name)}))`
    : `nullif(${placeName(stepId, name)}(${value}), -1)`;

async function registerPlaces({ connection }: Database, name: string, dtype: DType, distinct: Values): Promise<void> {
  const places = indexValues(distinct);
  const type = (await connection.runAndReadAll(`SELECT CAST(NULL AS ${sqlType(dtype)})`)).columnType(0);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [type],
      returnType: INTEGER,
      mainFunction(_info, input, output) {
        // DuckDB answers NULL for NULL by itself.
        const found = places(readPiece(input, 0, dtype).values);
        for (let i = 0; i < found.length; i++) output.setItem(i, found[i]!);
        output.flush();
      },
    }),
  );
}

/** Names in SQL differ by more than case, whatever is in them. */
const placeName = (stepId: string, column: string): string =>
  `merlon_place_${Buffer.from(`${stepId}\n${column}`).toString("hex")}`;
