/**
 * A workflow plan over a data source -> a stack of views, one per wave of steps whose inputs are there. Each column of the plan is one
 * column of the topmost view, so that expressions stay short and statements read only what they name.
 */
import type { AnyStep, ColumnRef, Plan } from "../../triton-protos/plan.js";
import { REQUEST_STEP } from "../../triton-protos/plan.js";
import { changesRows } from "../../triton-protos/row-changes.js";
import type { ColumnSchema } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import { carried, type DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { type Lookups, placeByFunction } from "./lookups.js";
import { allPresent } from "./sql/dropna.js";
import { registerExpressions } from "./sql/expression-functions.js";
import { conditionOf } from "./sql/filter.js";
import { sqlOf } from "./sql/forms.js";
import { groupKeys } from "./sql/groupby.js";
import { isInFile } from "./sql/join-external.js";
import type { SqlColumn, SqlContext } from "./sql/sql-form.js";

export interface Layers {
  /** Name of the topmost view. */
  readonly view: string;
  /** ` ORDER BY …` that brings rows into the data's order, where joins may have disturbed it; else nothing. */
  readonly order: string;
  /** Columns that rows stand in the data's order by. */
  readonly places: readonly string[];
  /** The column a reference names, or undefined while no layer makes it. */
  find(ref: Pick<ColumnRef, "step" | "column">): SqlColumn | undefined;
  /** Adds the outputs of steps whose inputs are there, after `nextWave`. */
  add(steps: readonly AnyStep[]): Promise<void>;
}

/**
 * Steps whose inputs are there, as far as they may go together: one that changes rows, as a `filter` does, changes them for every column
 * below it, so it waits until nothing else can be done on the rows as they are, and goes alone. Steps that `waits` says yes to come after all others that are ready,
 * so that as many of them as can go together.
 */
export function nextWave(
  layers: Pick<Layers, "find">,
  rest: readonly AnyStep[],
  waits: (step: AnyStep) => boolean = () => false,
): readonly AnyStep[] {
  const ready = rest.filter(step =>
    Object.values(step.inputs)
      .flat()
      .every(ref => layers.find(ref)),
  );
  const others = ready.filter(step => !changesRows(step));
  const first = others.filter(step => !waits(step));
  return first.length > 0 ? first : others.length > 0 ? others : ready.slice(0, 1);
}

/** Columns of the data that a plan reads, in the order of its inputs. */
export function columnsRead(plan: Plan): readonly ColumnSchema[] {
  const refs = [
    ...plan.steps.flatMap(step => Object.values(step.inputs).flat()),
    ...plan.outputs.map(output => output.ref),
  ];
  const read = new Set(refs.filter(ref => ref.step === REQUEST_STEP).map(ref => ref.column));
  return plan.inputs.filter(col => read.has(col.name));
}

/** Finds columns of a plan by reference. */
export function columnFinder(plan: Plan): (ref: ColumnRef) => ColumnSchema {
  const columns = new Map(
    [{ id: REQUEST_STEP, outputs: plan.inputs }, ...plan.steps].flatMap(({ id, outputs }) =>
      outputs.map(col => [`${id}\n${col.name}`, col] as const),
    ),
  );
  return ref => columns.get(`${ref.step}\n${ref.column}`)!;
}

/** `keep` names columns of the data that travel along under the aliases `k0`, `k1`, … */
export async function openLayers(
  database: Database,
  source: DataSource,
  columns: readonly ColumnSchema[],
  lookups: Lookups,
  keep: readonly string[] = [],
): Promise<Layers> {
  const known = new Map<string, SqlColumn>();
  let height = 0;
  let view = "merlon_0";
  const name = (step: string, { name: column, dtype, list }: ColumnSchema): string => {
    const sql = `c${known.size}`;
    known.set(keyOf(step, column), { sql, dtype, ...(list && { list }) });
    return sql;
  };
  const parts = [
    ...columns.map((col, i) => `${source.expressions[i]} AS ${name(REQUEST_STEP, col)}`),
    ...carried(keep).map((column, i) => `${column} AS k${i}`),
  ];
  // A plan of constants alone reads nothing, yet has the rows of its data.
  const select = parts.join(", ") || "1 AS nothing";
  let from = `SELECT ${select}, ${source.place.map((of, i) => `${of} AS r${i}`).join(", ")} FROM ${source.relation}`;
  if (source.format !== "parquet") {
    // Text is parsed once, not once a statement.
    await database.run(
      `CREATE OR REPLACE TEMP TABLE merlon_data AS SELECT ${select} FROM ${source.relation}`,
      "reading the data",
    );
    from = "SELECT *, rowid AS r0 FROM merlon_data";
  }
  await database.run(`CREATE OR REPLACE TEMP VIEW ${view} AS ${from}`, "reading the data");
  const places = source.format === "parquet" ? source.place.map((_, i) => `r${i}`) : ["r0"];
  let joined = false;
  const find = (ref: Pick<ColumnRef, "step" | "column">) => known.get(keyOf(ref.step, ref.column));
  return {
    get view() {
      return view;
    },
    get order() {
      return joined ? ` ORDER BY ${places.join(", ")}` : "";
    },
    places,
    find,
    async add(steps) {
      const conditions: string[] = [];
      const joins = joining(lookups, view, height + 1);
      const added = steps.flatMap(step => {
        const inputs = (step.inputs.input ?? []).map(ref => find(ref)!);
        registerExpressions(database.connection, step, inputs);
        const condition = rowCondition(step, inputs);
        if (condition !== undefined) conditions.push(condition);
        const port = (name: string) => (step.inputs[name] ?? []).map(ref => find(ref)!);
        const expressions = sqlOf(step, inputs, { ...joins, order: places, port });
        return step.outputs.map((col, i) => `${expressions[i]} AS ${name(step.id, col)}`);
      });
      if (added.length === 0) return;
      joined ||= joins.sql() !== "";
      const below = view;
      const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
      view = `merlon_${++height}`;
      const [only] = steps;
      if (only?.op === "groupby") {
        if (keep.length > 0) throw cannotKeep(keep[0]!, only.id);
        joined = true;
        const inputs = (only.inputs.input ?? []).map(ref => find(ref)!);
        const first = places.map((place, i) => `min({${places.map(p => `${p}: ${p}`).join(", ")}}).${place} AS r${i}`);
        const keys = groupKeys(only, inputs);
        await database.run(
          `CREATE OR REPLACE TEMP VIEW ${view} AS SELECT ${[...added, ...first].join(", ")} FROM ${below} WHERE ${keys.map(key => `${key} IS NOT NULL`).join(" AND ")} GROUP BY ${keys.join(", ")}`,
          "preparing the workflow",
        );
        return;
      }
      await database.run(
        `CREATE OR REPLACE TEMP VIEW ${view} AS SELECT ${below}.*, ${added.join(", ")} FROM ${below}${joins.sql()}${where}`,
        "preparing the workflow",
      );
    },
  };
}

/**
 * Joins of one layer: a scalar finds its row of a fitted table by a join, which is native and parallel, but hands the matching rows of a chunk
 * on before the others: rows are put in order at the end. What no join can reach goes through a function.
 */
function joining(
  lookups: Lookups,
  below: string,
  layer: number,
): Pick<SqlContext, "place" | "groups"> & { sql(): string } {
  const joins: string[] = [];
  const join = (table: string, on: (alias: string) => string): string => {
    const alias = `j${layer}_${joins.length}`;
    joins.push(` LEFT JOIN ${table} ${alias} ON ${on(alias)}`);
    return alias;
  };
  return {
    place(stepId, col, value) {
      const table = col.list || value !== col.sql ? undefined : lookups.vocabulary(stepId, col.name);
      if (table === undefined) return placeByFunction(stepId, col, value);
      return `${join(table, alias => `${below}.${value} = ${alias}.value`)}.rowid`;
    },
    groups(stepId, keysOf) {
      return lookups.groups(stepId)?.flatMap(({ table, columns, nullable, unseen }) => {
        const same = nullable ? "IS NOT DISTINCT FROM" : "=";
        const alias = join(table, alias =>
          keysOf(columns)
            .map((key, i) => `${below}.${key} ${same} ${alias}.k${i}`)
            .join(" AND "),
        );
        return unseen.map((value, i) => `CASE WHEN ${alias}.rowid IS NULL THEN ${value} ELSE ${alias}.o${i} END`);
      });
    },
    sql: () => joins.join(""),
  };
}

/** The condition under which a row stays, of a step that takes some away. */
function rowCondition(step: AnyStep, inputs: readonly SqlColumn[]): string | undefined {
  if (step.op === "filter") return conditionOf(step, inputs);
  if (step.op === "dropna") return allPresent(inputs);
  return step.op === "joinExternal" && step.params.how === "inner" ? isInFile(step, inputs) : undefined;
}

const cannotKeep = (column: string, step: string): RuntimeFault =>
  new RuntimeFault(
    "INVALID_ARGUMENT",
    `column \`${column}\` cannot be kept: step \`${step}\` (groupby) makes one row of several. Add it to the workflow with an aggregation.`,
  );

const keyOf = (step: string, column: string): string => `${step}\n${column}`;
