/**
 * A workflow plan over a data source -> a stack of views, one per wave of steps whose inputs are there. Each column of the plan is one
 * column of the topmost view, so that expressions stay short and statements read only what they name.
 */
import type { AnyStep, ColumnRef, Plan } from "../../triton-protos/plan.js";
import { REQUEST_STEP } from "../../triton-protos/plan.js";
import type { ColumnSchema } from "../../triton-protos/schema.js";
import { carried, type DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { registerExpressions } from "./sql/expression-functions.js";
import { conditionOf } from "./sql/filter.js";
import { sqlOf } from "./sql/forms.js";
import type { SqlColumn } from "./sql/sql-form.js";
import { placeOf } from "./vocabulary-table.js";

export interface Layers {
  /** Name of the topmost view. */
  readonly view: string;
  /** The column a reference names, or undefined while no layer makes it. */
  find(ref: Pick<ColumnRef, "step" | "column">): SqlColumn | undefined;
  /** Adds the outputs of steps whose inputs are there, after `nextWave`. */
  add(steps: readonly AnyStep[]): Promise<void>;
}

/**
 * Steps whose inputs are there, as far as they may go together: a `filter` takes rows away from every column below it, so it waits until
 * nothing else can be done on the rows as they are, and goes alone.
 */
export function nextWave(layers: Pick<Layers, "find">, rest: readonly AnyStep[]): readonly AnyStep[] {
  const ready = rest.filter(step =>
    Object.values(step.inputs)
      .flat()
      .every(ref => layers.find(ref)),
  );
  const others = ready.filter(step => step.op !== "filter");
  return others.length > 0 ? others : ready.slice(0, 1);
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

/** `keep` names columns of the data that travel along under the aliases `k0`, `k1`, … */
export async function openLayers(
  database: Database,
  source: DataSource,
  columns: readonly ColumnSchema[],
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
  const select = `SELECT ${parts.join(", ") || "1 AS nothing"} FROM ${source.relation}`;
  // CSV is parsed once, not once a statement.
  await database.run(
    `CREATE OR REPLACE TEMP ${source.format === "csv" ? "TABLE" : "VIEW"} ${view} AS ${select}`,
    "reading the data",
  );
  const find = (ref: Pick<ColumnRef, "step" | "column">) => known.get(keyOf(ref.step, ref.column));
  return {
    get view() {
      return view;
    },
    find,
    async add(steps) {
      const conditions: string[] = [];
      const added = steps.flatMap(step => {
        const inputs = (step.inputs.input ?? []).map(ref => find(ref)!);
        registerExpressions(database.connection, step, inputs);
        if (step.op === "filter") conditions.push(conditionOf(step, inputs));
        const expressions = sqlOf(step, inputs, { place: placeOf });
        return step.outputs.map((col, i) => `${expressions[i]} AS ${name(step.id, col)}`);
      });
      if (added.length === 0) return;
      const below = view;
      const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
      view = `merlon_${++height}`;
      await database.run(
        `CREATE OR REPLACE TEMP VIEW ${view} AS SELECT *, ${added.join(", ")} FROM ${below}${where}`,
        "preparing the workflow",
      );
    },
  };
}

const keyOf = (step: string, column: string): string => `${step}\n${column}`;
