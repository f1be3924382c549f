/** The fitted state of `merlon fit`, made available to Spark: tables for joins, and for items of lists a function. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodings } from "../../../contract/categorify-columns.js";
import { learntOf } from "../../../contract/learnt-columns.js";
import type { OpKind } from "../../../contract/op-params.js";
import type { Fitted, FittedStep } from "../../../contract/plan.js";
import { readVocabulary } from "../../../operators/categorify/kernel-vocabulary.js";
import { idLayout } from "../../../operators/categorify/sql.js";
import {
  type PrintedColumn,
  printFittedTable,
  readFittedTable,
} from "../../../operators/shared/kernel/fitted-table.js";
import { allocate, type Values } from "../../base/columns/table.js";
import { type GroupLookup, type GroupStep, loadGroups, presence, type TableStore } from "../group-lookup.js";
import type { ColumnsInView, Lookups } from "../lookups.js";
import { digitColumns, expressionsOf } from "../sql/expression-functions.js";
import type { SqlColumn } from "../sql/sql-column.js";
import type { NamedColumn } from "../sql/sql-form.js";
import { hex } from "../vocabulary-table.js";
import type { SparkSession } from "./session.js";
import { sparkSql } from "./spark-dialect.js";
import { exchangeFile } from "./spark-engine.js";

const DOING = "loading a fitted table";

/** Makes tables known that a fitted step looks up. */
type Load<K extends OpKind> = (step: Fitted<K>, layers: ColumnsInView) => Promise<void>;

/** @param folder that artefacts are in */
export function sparkLookups(session: SparkSession, folder: string): Lookups {
  const groups = new Map<string, readonly GroupLookup[]>();
  const known = new Set<string>();
  const load = async (name: string, columns: Readonly<Record<string, PrintedColumn>>): Promise<void> => {
    const file = exchangeFile(session);
    writeFileSync(file, printFittedTable(columns));
    await session.ask({ do: "table", name, file }, DOING);
  };
  const store: TableStore = {
    reserve: () => true,
    load: (name, columns) => load(name, Object.fromEntries(columns.map(({ name: column, ...rest }) => [column, rest]))),
    sql: sparkSql,
  };
  const tableOf = (stepId: string, column: string) => `merlon_ids_${hex(stepId, column)}`;
  const placesOf = (stepId: string, { name }: NamedColumn) => `merlon_places_${hex(stepId, name)}`;
  const loadStatistics = async (step: GroupStep, layers: ColumnsInView): Promise<void> => {
    const found = await loadGroups(store, step, ref => layers.find(ref)!.dtype, folder);
    if (found) groups.set(step.id, found);
  };
  const LOAD: { readonly [K in OpKind]?: Load<K> } = {
    categorify: async (step, layers) => {
      if (step.params.encodeType === "combo") {
        groups.set(step.id, await loadTuples(step, folder, load));
        return;
      }
      for (const ref of step.inputs.input) {
        const column = { ...layers.find(ref)!, name: ref.name };
        const { vocabulary } = learntOf(step, ref.name);
        const file = join(folder, vocabulary);
        if (column.list)
          await session.ask({ do: "places", name: placesOf(step.id, column), file, column: "value" }, DOING);
        else await load(tableOf(step.id, ref.name), idTable(step, ref.name, file));
      }
    },
    joinExternal: async step => void groups.set(step.id, [await loadFile(step, folder, load)]),
    joinGroupby: loadStatistics,
    targetEncoding: loadStatistics,
  };
  return {
    places: (stepId, column) => `${placesOf(stepId, column)}(${column.sql})`,
    id: (stepId, column) => ({ kind: "table", table: tableOf(stepId, column.name) }),
    groups: stepId => groups.get(stepId),
    async add(steps: readonly FittedStep[], layers) {
      for (const step of steps.filter(({ id }) => !known.has(id))) {
        known.add(step.id);
        const inputs = step.inputs.input.map(ref => layers.find(ref)!);
        for (const call of expressionsOf(step, inputs)) {
          const { name, expression, dtype } = call;
          const digits = digitColumns(call);
          const columns = call.inputs.map(
            ([column, { list }]) => [column, list !== undefined, digits.has(column)] as const,
          );
          const type = sparkSql.type(dtype);
          await session.ask(
            { do: "expression", name, expression, columns, dtype, type },
            `preparing step \`${step.id}\``,
          );
        }
        await (LOAD[step.op] as Load<OpKind> | undefined)?.(step, layers);
      }
    },
  };
}

/** The file of a `joinExternal`: its columns by key, and whether it has the key. */
async function loadFile(
  step: Fitted<"joinExternal">,
  folder: string,
  load: (name: string, columns: Readonly<Record<string, PrintedColumn>>) => Promise<void>,
): Promise<GroupLookup> {
  const { on, columns } = step.params;
  const table = `merlon_file_${hex(step.id)}`;
  const file = readFittedTable(join(folder, step.state.table));
  const keys = on.map((_, i) => [`k${i}`, file[`key ${i}`]!] as const);
  const joined = Object.keys(columns).map((name, i) => [`o${i}`, file[name]!] as const);
  await load(
    table,
    Object.fromEntries([...keys, ...joined].map(([name, col]) => [name, { ...col, validity: presence(col) }])),
  );
  const take = [...joined, keys[0]!].map(([name]) => name);
  return {
    columns: on,
    find: of => ({ table, keys: of.map((key, i) => [`k${i}`, key.sql]), take }),
    outputs: (_keys, row) => [...joined.map(([name]) => `${row}.${name}`), `${row} IS NOT NULL`],
  };
}

/** Values and their ids; null is the last. */
function idTable(step: Fitted<"categorify">, name: string, file: string): Readonly<Record<string, PrintedColumn>> {
  const { dtype, values } = readVocabulary(file);
  const { numBuckets } = encodings(step.params, [name])[0]!;
  const { nullId, known } = idLayout(step, name, numBuckets);
  const more = allocate(dtype, values.length + 1) as { [i: number]: unknown };
  for (let i = 0; i < values.length; i++) more[i] = values[i];
  const validity = new Uint8Array(values.length + 1).fill(1, 0, values.length);
  const ids = idsFrom(step, known, values.length + 1);
  (ids as { [i: number]: unknown })[values.length] = step.params.outDtype === "int64" ? BigInt(nullId) : nullId;
  return {
    value: { dtype, values: more as unknown as Values, validity },
    id: { dtype: step.params.outDtype, values: ids },
  };
}

function idsFrom(step: Fitted<"categorify">, first: number, count: number): Values {
  return step.params.outDtype === "int64"
    ? BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i))
    : Int32Array.from({ length: count }, (_, i) => first + i);
}

/** One table an output, of tuples and their ids. */
async function loadTuples(
  step: Fitted<"categorify">,
  folder: string,
  load: (name: string, columns: Readonly<Record<string, PrintedColumn>>) => Promise<void>,
): Promise<readonly GroupLookup[]> {
  const names = step.inputs.input.map(ref => ref.name);
  const found: GroupLookup[] = [];
  for (const { output, columns, numBuckets } of encodings(step.params, names)) {
    const file = join(folder, learntOf(step, output).vocabulary);
    const table = `merlon_ids_${hex(step.id, output)}`;
    const { nullId, first, known } = idLayout(step, output, numBuckets);
    const tuples = readFittedTable(file, "vocabulary");
    const keys = columns.map((_, i) => tuples[columns.length > 1 ? `key ${i}` : "value"]!);
    const named = keys.map(({ dtype, values, validity }, i) => [
      `k${i}`,
      { dtype, values, ...(validity && { validity }) },
    ]);
    const id = { dtype: step.params.outDtype, values: idsFrom(step, known, keys[0]!.values.length) };
    await load(table, { ...Object.fromEntries(named), id });
    found.push({
      columns,
      find: of => ({ table, keys: of.map((key, i) => [`k${i}`, key.sql]), take: "id" }),
      outputs: (of: readonly SqlColumn[], place) => {
        const type = sparkSql.type(step.params.outDtype);
        const bucket = sparkSql.modulo(of.map(key => sparkSql.hash(key).sql).reduce(sparkSql.xor), numBuckets);
        const unknown = numBuckets === 1 ? String(first) : `${first} + ${bucket}`;
        const isNull = of.map(key => `${key.sql} IS NULL`).join(" AND ");
        return [`CAST(CASE WHEN ${isNull} THEN ${nullId} ELSE coalesce(${place}, ${unknown}) END AS ${type})`];
      },
    });
  }
  return found;
}
