/**
 * A workflow plan over a data source → a stack of views, one per wave of steps whose inputs exist. Each column of the plan is one
 * column of the topmost view, so that expressions stay short and statements read only what they name.
 */
import { columnsAt, columnsReadBy } from "../../contract/any-step.js";
import { type AnyStep, type ColumnRef, type FittedStep, type Plan, REQUEST_STEP } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { changesRows } from "../../contract/step-facts.js";
import { groupKeysOf, rangesOf, rowCondition, sqlOf } from "../../operators/sql-forms.js";
import { invalid, type RuntimeFault } from "../base/errors.js";
import type { DataSource } from "./data-source.js";
import type { Engine } from "./engine.js";
import type { Lookups } from "./lookups.js";
import type { LookUp, Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";
import type { SqlContext } from "./sql/sql-form.js";
import { firstOf, listForms, listWith } from "./value-lists.js";

export interface Layers {
  readonly sql: Sql;
  /** The topmost view: its name, or a query in parentheses. */
  readonly view: string;
  /** The lowest view that has columns, and the topmost's rows: DuckDB binds every expression of the views that a statement names. */
  viewOf(columns: readonly SqlColumn[]): string;
  /** ` ORDER BY …` that brings rows into the data's order, where joins may have disturbed it; else nothing. */
  readonly order: string;
  /** Joins leave rows in their order as long as one thread works: none answers rows that find something before those that do not. */
  readonly keepsOrder: boolean;
  /** Columns that determine the data's order of rows. */
  readonly places: readonly string[];
  /** The column a reference names, or undefined while no layer makes it. */
  find(ref: Pick<ColumnRef, "step" | "column">): SqlColumn | undefined;
  /** Adds the outputs of steps whose inputs are there, after `nextWave`. */
  add(steps: readonly FittedStep[]): Promise<void>;
}

/**
 * Steps whose inputs exist, as far as they can run together. One that changes rows, as a `filter` does, changes them for every column below
 * it. It waits until nothing else can be done on the present rows, and runs alone. Steps for which `waits` is true are after all others
 * that are ready, so that as many of them as possible run together.
 */
export function nextWave<S extends AnyStep>(
  layers: Pick<Layers, "find">,
  rest: readonly S[],
  waits: (step: S) => boolean = () => false,
): readonly S[] {
  const ready = rest.filter(step => columnsReadBy(step).every(ref => layers.find(ref)));
  const others = ready.filter(step => !changesRows(step));
  const first = others.filter(step => !waits(step));
  return first.length > 0 ? first : others.length > 0 ? others : ready.slice(0, 1);
}

/** Columns of the data that a plan reads, in the order of its inputs. */
export function columnsRead(plan: Plan): readonly ColumnSchema[] {
  const refs = [...plan.steps.flatMap(columnsReadBy), ...plan.outputs.map(output => output.ref)];
  const read = new Set(refs.filter(ref => ref.step === REQUEST_STEP).map(ref => ref.column));
  return plan.inputs.filter(col => read.has(col.name));
}

interface LayersOptions {
  /** Columns of the data that travel along under the aliases `k0`, `k1`, … */
  readonly keep?: readonly string[];
  /** A condition on the data's rows, of Parquet: below all joins, where it is cheap. */
  readonly only?: string | undefined;
  /** Write the layers into the statements that read them. For few rows: each view takes a statement, which takes longer than the rows. */
  readonly inline?: boolean;
  /** Compute chains of steps once per distinct value of small dictionaries. Over a join, DuckDB has no dictionaries any more. */
  readonly byDictionary?: boolean;
}

/** The lowest view, of a data source's rows; `add` puts others on it. */
export async function openLayers(
  engine: Engine,
  source: DataSource,
  columns: readonly ColumnSchema[],
  lookups: Lookups,
  { keep = [], only, inline = false, byDictionary = false }: LayersOptions = {},
): Promise<Layers> {
  const { layer, define, reading } = inline ? inlineLayers() : views(engine);
  const known = new Map<string, SqlColumn>();
  /** The view that first has a column, by the column's name. */
  const heights = new Map<string, number>();
  /** The lowest view with the topmost's rows. */
  let rowsFrom = 0;
  let height = 0;
  let view = layer(0);
  const know = (step: string, { name, dtype, list }: ColumnSchema, at: number, column: Omit<SqlColumn, "dtype">) => {
    heights.set(column.sql, at);
    known.set(keyOf(step, name), { ...column, dtype, ...(list && { list }) });
  };
  const parts = columns.map((col, i) => {
    const sql = `c${known.size}`;
    know(REQUEST_STEP, col, 0, { sql, ...dictionariesOf(source, col.name, sql, byDictionary) });
    return `${source.expressions[i]} AS ${sql}`;
  });
  const kept = keep.map((column, i) => `${engine.sql.identifier(column)} AS k${i}`);
  // A plan of constants alone reads nothing, yet has the rows of its data.
  const select = [...parts, ...kept].join(", ") || "1 AS nothing";
  await define(view, await sourceQuery(engine, source, select, only), READING);
  const places = source.format === "parquet" ? source.place.map((_, i) => `r${i}`) : ["r0"];
  let joined = false;
  let keepsOrder = true;
  const find = (ref: Pick<ColumnRef, "step" | "column">) => known.get(keyOf(ref.step, ref.column));
  return {
    sql: engine.sql,
    get view() {
      return reading(view);
    },
    get order() {
      return joined ? ` ORDER BY ${places.join(", ")}` : "";
    },
    viewOf(columns) {
      return reading(layer(Math.max(rowsFrom, ...columns.map(({ sql }) => heights.get(sql) ?? height))));
    },
    places,
    get keepsOrder() {
      return keepsOrder;
    },
    find,
    async add(steps) {
      const joins = lookingUp(engine.sql, lookups, view, height + 1);
      const formed = steps.map(step => formOf(step, find, { ...joins, sql: engine.sql, order: places }));
      const keepsDictionaries = byDictionary && !joined && !joins.used && rowsFrom === 0;
      const added = formed.flatMap(({ step, inputs, context, expressions }) => {
        const lists = keepsDictionaries ? listForms(step, inputs, context, expressions) : [];
        const ranges = rangesOf(step, inputs);
        return step.outputs.map((col, i) => {
          const list = lists[i];
          const alias = `${list === undefined ? "c" : "l"}${known.size}`;
          const form = list === undefined ? { sql: alias } : { sql: firstOf(alias), values: alias };
          know(step.id, col, height + 1, { ...form, range: ranges[i] });
          return `${list ?? expressions[i]} AS ${alias}`;
        });
      });
      if (added.length === 0) return;
      joined ||= joins.used;
      keepsOrder &&= !joins.mayMiss;
      const below = joins.from();
      view = layer(++height);
      if (steps.some(changesRows)) rowsFrom = height;
      const [first] = formed;
      const keys = first && groupKeysOf(first.step, first.inputs, engine.sql);
      if (keys && keep.length > 0) throw cannotKeep(keep[0]!, first.step.id);
      joined ||= keys !== undefined;
      const query = keys
        ? groupedQuery(engine.sql, { added, places, keys, below })
        : `SELECT *, ${added.join(", ")} FROM ${below}${whereOf(formed)}`;
      await define(view, query, "preparing the workflow");
    },
  };
}

/** How layers are named, defined, and named in the statements that read them. */
interface Definitions {
  layer(at: number): string;
  define(name: string, query: string, doing: string): Promise<void>;
  reading(name: string): string;
}

const views = (engine: Engine): Definitions => ({
  layer: at => `merlon_${at}`,
  define: (name, query, doing) => engine.run(`${engine.sql.view(name)} ${query}`, doing),
  reading: name => name,
});

function inlineLayers(): Definitions {
  const written: string[] = [];
  return {
    layer: at => `merlon_few_${at}`,
    async define(name, query) {
      written.push(`${name} AS (${query})`);
    },
    reading: name => `(WITH ${written.join(", ")} SELECT * FROM ${name})`,
  };
}

/** The forms in which statements may read the dictionaries of a column of the data. */
const dictionariesOf = (source: DataSource, name: string, sql: string, byDictionary: boolean) => ({
  ...(source.dictionaries.has(name) && { dictionary: true as const }),
  ...(byDictionary && source.smallDictionaries.has(name) && { values: listWith(sql) }),
});

/** A step's inputs, its outputs' expressions, and its condition on rows if it has one. */
function formOf(step: FittedStep, find: Layers["find"], shared: Omit<SqlContext, "port">) {
  const inputs = step.inputs.input.map(ref => find(ref)!);
  const condition = rowCondition(step, inputs, { groups: shared.groups, sql: shared.sql });
  const port = (name: string) => (columnsAt(step, name) ?? []).map(ref => find(ref)!);
  const context = { ...shared, port };
  return { step, inputs, context, condition, expressions: sqlOf(step, inputs, context) };
}

function whereOf(formed: readonly { readonly condition: string | undefined }[]): string {
  const conditions = formed.flatMap(({ condition }) => condition ?? []);
  return conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
}

const READING = "reading the data";

/** The query of the lowest view, of the data's rows. */
async function sourceQuery(
  engine: Engine,
  source: DataSource,
  select: string,
  only: string | undefined,
): Promise<string> {
  if (source.format === "table") return `SELECT ${select}, rowid AS r0 FROM ${source.relation}`;
  if (source.format === "parquet") {
    const place = source.place.map((of, i) => `${of} AS r${i}`).join(", ");
    return `SELECT ${select}, ${place} FROM ${source.relation}${only === undefined ? "" : ` WHERE ${only}`}`;
  }
  // Text is parsed once, not once a statement.
  await engine.run(`CREATE OR REPLACE TABLE merlon_data AS SELECT ${select} FROM ${source.relation}`, READING);
  return "SELECT *, rowid AS r0 FROM merlon_data";
}

/** One row for each key, in the place of the first of its rows. */
function groupedQuery(
  sql: Sql,
  {
    added,
    places,
    keys,
    below,
  }: Readonly<Record<"added" | "places" | "keys", readonly string[]>> & { readonly below: string },
): string {
  const place = sql.struct(Object.fromEntries(places.map(name => [name, name])));
  const first = places.map((name, i) => `min(${place}).${name} AS r${i}`);
  const known = keys.map(key => `${key} IS NOT NULL`).join(" AND ");
  return `SELECT ${[...added, ...first].join(", ")} FROM ${below} WHERE ${known} GROUP BY ${keys.join(", ")}`;
}

/** Look-ups of one layer: what scalars find by tables, which promise no order of the rows: they are put in order at the end. */
function lookingUp(
  sql: Sql,
  lookups: Lookups,
  below: string,
  layer: number,
): Pick<SqlContext, "id" | "groups" | "places"> & {
  readonly used: boolean;
  readonly mayMiss: boolean;
  from(): string;
} {
  const finds: LookUp[] = [];
  const ofStep = new Map<string, readonly string[] | undefined>();
  const find = (lookUp: Omit<LookUp, "alias">): string => {
    const alias = `j${layer}_${finds.length}`;
    finds.push({ ...lookUp, alias });
    return alias;
  };
  return {
    places: lookups.places,
    id(stepId, col) {
      const lookup = lookups.id(stepId, col);
      if (lookup.kind === "function") return `${lookup.name}(${col.sql})`;
      if (lookup.kind === "dense") return find({ ...lookup.find(col.sql), take: "id" });
      return find({ table: lookup.table, keys: [["value", col.sql]], take: "id" });
    },
    groups(stepId, keysOf) {
      const known = lookups.groups(stepId);
      if (known && !ofStep.has(stepId))
        ofStep.set(
          stepId,
          known.flatMap(({ columns, find: finding, outputs }) => {
            const keys = keysOf(columns);
            const lookUp = finding(keys);
            return outputs(keys, lookUp ? find(lookUp) : "");
          }),
        );
      return ofStep.get(stepId);
    },
    get used() {
      return finds.length > 0;
    },
    get mayMiss() {
      return finds.some(({ place }) => !place);
    },
    from: () => sql.lookUp(below, finds),
  };
}

const cannotKeep = (column: string, step: string): RuntimeFault =>
  invalid(
    `column \`${column}\` cannot be kept: step \`${step}\` (groupby) makes one row of several. Add it to the workflow with an aggregation.`,
  );

const keyOf = (step: string, column: string): string => `${step}\n${column}`;
