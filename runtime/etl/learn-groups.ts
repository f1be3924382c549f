/** A step that learns from groups of rows, and a view → its state and its tables in the fitted folder. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathInside } from "../../contract/files/path-inside.js";
import type { OpParams } from "../../contract/op-params.js";
import type { OpState } from "../../contract/op-state.js";
import type { Step } from "../../contract/plan.js";
import { fittedTableParts, type PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import { foldDealer } from "../../operators/shared/kernel/mersenne-twister.js";
import type { DType } from "../../triton-protos/datatype.js";
import { registerColumnFunction } from "./column-function.js";
import type { Database } from "./database.js";
import type { Engine } from "./engine.js";
import type { Learning } from "./learning.js";
import { findMoments, refuseInfinite } from "./moments.js";
import type { Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";

type Groups = OpState["targetEncoding"]["groups"][number][];

export async function learnTargetEncoding(
  learning: Learning,
  step: Step<"targetEncoding">,
): Promise<OpState["targetEncoding"]> {
  const { layers } = learning;
  const targets = (step.inputs.target ?? []).map(ref => ({ name: ref.name, column: layers.find(ref)! }));
  const means = await learnMeans(learning, step, targets);
  const counted = (value: string) => (step.params.nvtabularNulls ? "count(*)" : `count(${value})`);
  const aggregates = targets.flatMap(({ name, column }): Aggregate[] => [
    { name: `count ${name}`, sql: counted(column.sql), dtype: "int64" },
    { name: `sum ${name}`, sql: `coalesce(sum(CAST(${column.sql} AS DOUBLE)), 0)`, dtype: "float64" },
  ]);
  const { foldMode, kfold = 3, foldSeed = 42 } = step.params;
  const groups = await learnGroups(learning, step, () => aggregates);
  if (foldMode) {
    const fold = await learning.files.run(async database => registerFolds(database, kfold, foldSeed));
    const numbered = `(SELECT *, ${fold}(row_number() OVER (ORDER BY ${layers.places.join(", ")}) - 1) AS fold FROM ${layers.view})`;
    const folded = await learnGroups(learning, step, () => aggregates, numbered, { sql: "fold", dtype: "int64" });
    for (const [i, group] of groups.entries()) groups[i] = { ...group, folds: folded[i]!.table };
  }
  return { means, groups };
}

interface Named {
  readonly name: string;
  readonly column: SqlColumn;
}

/** Means over all rows. @throws RuntimeFault for a column with infinite values */
async function learnMeans(
  { engines, layers, note }: Learning,
  step: Step<"targetEncoding">,
  targets: readonly Named[],
): Promise<OpState["targetEncoding"]["means"]> {
  const asked = targets.map(({ column }) => ({ column, withMoments: true, onlyMean: true as const }));
  const { rows, moments } = await engines.run(engine => findMoments(engine, layers.view, asked, () => undefined));
  for (const [i, { name }] of targets.entries()) {
    const what = `step \`${step.id}\` (targetEncoding): target \`${name}\``;
    const { count, infinite } = moments[i]!;
    refuseInfinite(what, infinite);
    const effect = step.params.nvtabularNulls ? "count as 0" : "are left out";
    if (count < rows) note(`${what} is null or NaN in ${rows - count} of ${rows} rows, which ${effect}`);
  }
  return Object.fromEntries(targets.map(({ name }, i) => [name, moments[i]!.mean]));
}

export async function learnJoinGroupby(learning: Learning, step: Step<"joinGroupby">): Promise<OpState["joinGroupby"]> {
  const { stats, nvtabularNulls } = step.params;
  const statistics = nvtabularNulls ? STATISTICS_OF_ALL_ROWS : STATISTICS;
  const values = (step.inputs.of ?? []).map(ref => ({ name: ref.name, column: learning.layers.find(ref)! }));
  if (stats.some(stat => OF_FINITE.has(stat))) await needFinite(learning, step, values);
  const groups = await learnGroups(learning, step, (group, sql) => [
    ...(stats.includes("count") ? [{ name: `${group}_count`, sql: "count(*)", dtype: "int32" as const }] : []),
    ...values.flatMap(({ name, column }) =>
      stats
        .filter(stat => stat !== "count")
        .map((stat): Aggregate => {
          const output = `${group}_${name}_${stat}`;
          const { dtype } = step.outputs.find(col => col.name === output)!;
          return { name: output, sql: statistics[stat](column.sql, sql), dtype };
        }),
    ),
  ]);
  return { of: values.map(({ name, column: { dtype } }) => ({ name, dtype })), groups };
}

/** Statistics that infinite values do not have. */
const OF_FINITE: ReadonlySet<string> = new Set(["sum", "mean", "std", "var"]);

async function needFinite(
  { engines, layers }: Learning,
  step: Step<"joinGroupby">,
  values: readonly Named[],
): Promise<void> {
  const asked = values.map(({ column }) => ({ column, withMoments: false }));
  const { moments } = await engines.run(engine => findMoments(engine, layers.view, asked, () => undefined));
  for (const [i, { name }] of values.entries())
    refuseInfinite(`step \`${step.id}\` (joinGroupby): column \`${name}\``, moments[i]!.infinite);
}

const inDouble = (what: string) => (value: string, sql: Sql) => sql.toFloat32(`${what}(CAST(${value} AS DOUBLE))`);

type Statistics = Readonly<
  Record<Exclude<OpParams["joinGroupby"]["stats"][number], "count">, (value: string, sql: Sql) => string>
>;

const STATISTICS: Statistics = {
  sum: value => `sum(${value})`,
  mean: inDouble("avg"),
  std: inDouble("stddev_samp"),
  var: inDouble("var_samp"),
  min: value => `min(${value})`,
  max: value => `max(${value})`,
};

/** NVTabular's rule: sums of existing values, over all rows. A single row has no variance. */
const sumOf = (value: string) => `coalesce(sum(${value}), 0)`;
const varianceOf = (value: string) => {
  const x = `CAST(${value} AS DOUBLE)`;
  const squares = `${sumOf(`${x} * ${x}`)} - ${sumOf(x)} * ${sumOf(x)} / count(*)`;
  return `CASE WHEN count(*) > 1 THEN (${squares}) / (count(*) - 1) END`;
};
const STATISTICS_OF_ALL_ROWS: Statistics = {
  ...STATISTICS,
  sum: sumOf,
  mean: (value, sql) => sql.toFloat32(`${sumOf(`CAST(${value} AS DOUBLE)`)} / count(*)`),
  var: (value, sql) => sql.toFloat32(varianceOf(value)),
  std: (value, sql) => sql.toFloat32(`sqrt(${varianceOf(value)})`),
};

async function learnGroups(
  { engines, journal, layers, folder, totalRows }: Learning,
  step: Step<"targetEncoding"> | Step<"joinGroupby">,
  aggregatesOf: (group: string, sql: Sql) => readonly Aggregate[],
  view = layers.view,
  firstKey?: SqlColumn,
): Promise<Groups> {
  await mkdir(join(folder, "tables"), { recursive: true });
  return Promise.all(
    step.params.groups.map(async columns => {
      const name = columns.join("_");
      const keys = columns.map(column => layers.find(step.inputs.input.find(ref => ref.name === column)!)!);
      const all = firstKey ? [firstKey, ...keys] : keys;
      // The step's id keeps apart what two operators learn of one key.
      const file = pathInside(`tables/${safe(step.id)}.${safe(name)}${firstKey ? ".folds" : ""}.arrow`);
      await journal.remember(file, [file], async () => {
        const doing = `grouping by ${columns.join(", ")}`;
        const table = await engines.run(engine =>
          groupTable(engine, view, all, aggregatesOf(name, engine.sql), doing, totalRows),
        );
        await writeFile(join(folder, file), fittedTableParts(table), { flush: true });
        return null;
      });
      return { columns, table: file };
    }),
  );
}

const safe = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A");

const registered = new WeakMap<object, Set<string>>();

/**
 * Folds as a function of a connection: the number of a row → its fold, as the kernel deals them.
 * @returns the function's name
 */
function registerFolds({ connection }: Database, kfold: number, seed: number | null): string {
  const name = `merlon_fold_${kfold}_${seed ?? "turn"}`;
  const known = registered.get(connection) ?? new Set();
  registered.set(connection, known);
  if (known.has(name)) return name;
  known.add(name);
  const dealer = foldDealer(kfold, seed);
  registerColumnFunction(connection, {
    name,
    inputs: ["int64"],
    output: "int64",
    run: ([rows]) => ({
      values: BigInt64Array.from(rows!.values as BigInt64Array, row => BigInt(dealer(Number(row)))),
    }),
  });
  return name;
}

interface Aggregate {
  /** Name in the table. */
  readonly name: string;
  readonly sql: string;
  readonly dtype: DType;
}

/**
 * Key columns of a view and aggregates → one row a key, in the order of the keys, null first. DuckDB must use one thread: sums of floats
 * depend on their order.
 * Keys are named `key 0`, `key 1`, … in the table.
 * @param atMost the view has no more rows, if that is known
 */
async function groupTable(
  engine: Engine,
  view: string,
  keys: readonly SqlColumn[],
  aggregates: readonly Aggregate[],
  doing: string,
  atMost?: number,
): Promise<Readonly<Record<string, PrintedColumn>>> {
  const columns = [
    ...keys.map(({ sql, dtype }, i): Aggregate => {
      // -0 and 0 are one key.
      const zero = dtype === "float32" || dtype === "float64" ? " + 0" : "";
      return { name: `key ${i}`, sql: `${sql}${zero}`, dtype };
    }),
    ...aggregates,
  ];
  const places = keys.map((_, i) => i + 1);
  const select = columns.map(({ sql, dtype }, i) => `CAST(${sql} AS ${engine.sql.type(dtype)}) AS c${i}`).join(", ");
  const order = places.map(i => `${i} NULLS FIRST`).join(", ");
  const found = await engine.packed(
    `SELECT ${select} FROM ${view} GROUP BY ${places.join(", ")} ORDER BY ${order}`,
    columns.map(({ dtype }) => dtype),
    doing,
    { atMost },
  );
  return Object.fromEntries(columns.map(({ name }, i) => [name, found[i]!]));
}
