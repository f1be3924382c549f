/**
 * Logged features of a Feast view → the values that the view's history has for the time of each exposure. An ASOF join finds the latest
 * row of the entity that is not later.
 */
import type { Json } from "@duckdb/node-api";
import { artefactsOf } from "../../../contract/any-step.js";
import type { FittedStep, Step } from "../../../contract/plan.js";
import { type ColumnSchema, printType } from "../../../contract/schema.js";
import { looksUp } from "../../../contract/step-facts.js";
import { readFeastRepository } from "../../../formats/feast/feast-repository.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import { missingRule } from "../../../operators/query-feast/spec.js";
import { artefactFolder } from "../../../operators/shared/kernel/artefact-file.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { invalid } from "../../base/errors.js";
import { cellOf } from "../../engine/golden/cells.js";
import { parquetRelation, textRelation } from "../../etl/data-formats.js";
import { findData } from "../../etl/data-source.js";
import type { Database } from "../../etl/database.js";
import { didYouMean } from "../../etl/nearest-name.js";
import { identifier, sqlType, text } from "../../etl/sql/literal.js";
import { wholeSeconds } from "../../etl/sql/whole-seconds.js";
import { prepareLookup } from "../../stores/feast/feature-lookup.js";
import type { Checked, CheckPlan, NotChecked } from "./check-plan.js";
import { type ColumnDrift, LEAST } from "./differences.js";

/** Files of the history, by view. */
export type History = ReadonlyMap<string, readonly string[]>;

/** A logged column with all that its join needs. */
export interface HistoryColumn {
  readonly checked: Checked;
  readonly view: string;
  readonly feature: string;
  /** Whether the feature is a time, which the log has in seconds. */
  readonly isTime: boolean;
  readonly timestamp: string;
  readonly created: string | undefined;
  /** Join keys: their columns in the history and in the log. */
  readonly keys: readonly { readonly name: string; readonly column: ColumnSchema }[];
  /** Seconds after which a value is missing. */
  readonly ttl: number | null;
  /** Value of a missing feature. */
  readonly fallback: string | undefined;
}

/** The number of Feast's type of times. */
const TIME = 8;

type FeastStep = Step<"queryFeast"> & FittedStep;
const isFeast = (step: FittedStep): step is FeastStep => looksUp(step.op) && "repository" in artefactsOf(step);

/** @param folder of the plan's artefacts @throws RuntimeFault for a history of a view that the plan does not log */
export function historyColumns(
  { stored, logged }: CheckPlan,
  folder: string,
  history: History,
): { readonly columns: readonly HistoryColumn[]; readonly notChecked: readonly NotChecked[] } {
  const views = new Set<string>();
  const columns: HistoryColumn[] = [];
  const notChecked: NotChecked[] = [];
  for (const checked of stored) {
    const found = columnOf(checked, folder, logged, history, views);
    if (typeof found === "string") notChecked.push({ column: checked.name, reason: found });
    else columns.push(found);
  }
  for (const view of history.keys())
    if (!views.has(view))
      throw invalid(
        `\`--history ${view}=…\`: the log keeps no feature of view \`${view}\`${views.size > 0 ? `; it keeps features of ${[...views].map(one => `\`${one}\``).join(", ")}` : ""}.${didYouMean(view, views)}`,
      );
  return { columns, notChecked };
}

/** @returns why the column cannot be compared, or how it is */
function columnOf(
  checked: Checked,
  folder: string,
  logged: CheckPlan["logged"],
  history: History,
  views: Set<string>,
): HistoryColumn | string {
  const { step, output } = checked;
  if (!isFeast(step)) return `\`${step.label}\` reads a store that keeps no history`;
  const repository = artefactFolder(folder, step.artefacts.repository);
  const { wanted, joins } = prepareLookup(step, readFeastRepository(repository, true), repository);
  const found = wanted.find(({ schema }) => schema.name === output);
  if (!found) return `\`${step.label}\` passes on a key that the log does not have`;
  const view = found.view.aliasOf ?? found.view.name;
  views.add(view);
  if (!history.has(view)) return `of an online store: name the history of its view with \`--history ${view}=FILES\``;
  const keys = joins.flatMap(({ name, input }) => {
    const ref = step.inputs.input[input];
    const column = ref && logged(ref);
    return column ? [{ name, column }] : [];
  });
  const lacking = joins.filter(({ name }) => !keys.some(key => key.name === name)).map(({ name }) => `\`${name}\``);
  if (lacking.length > 0) return `its key ${lacking.join(", ")} is not in the log`;
  const rule = missingRule(step.params.onMissing, output, found.feature.name);
  const fallback = typeof rule === "object" ? rule.default : undefined;
  const { source, ttlSeconds } = found.view;
  return {
    checked,
    view,
    feature: found.feature.name,
    isTime: found.feature.type !== null && feastType(found.feature.type).item === TIME,
    timestamp: source?.timestampColumn || "event_timestamp",
    created: source?.createdColumn || undefined,
    keys,
    ttl: step.params.ttl === true ? ttlSeconds : (step.params.ttl ?? null),
    fallback:
      fallback === undefined ? undefined : Array.isArray(fallback) ? JSON.stringify(fallback) : String(fallback),
  };
}

/** Compares a column of the table `logged`. @param at number of the logged column there @returns why not, if it cannot be compared */
export async function compareHistory(
  database: Database,
  column: HistoryColumn,
  options: { readonly history: History; readonly tolerance: number; at(schema: ColumnSchema): number },
): Promise<ColumnDrift | NotChecked> {
  const { checked, feature, fallback, ttl } = column;
  const { schema, step } = checked;
  const doing = `comparing column \`${checked.name}\` with its history`;
  const type = `${sqlType(schema.dtype)}${schema.list ? "[]" : ""}`;
  await openHistory(database, column, options.history, type, doing);
  const [[odd]] = (await database.rows("SELECT count(*)::DOUBLE FROM history WHERE odd", doing)) as [[number]];
  if (odd > 0)
    return {
      column: checked.name,
      reason: `\`${feature}\` of the history has ${odd.toLocaleString("en-US")} values that are not ${printType(schema)}`,
    };
  const keys = column.keys.map(({ column: key }, i) => ({ log: `l.f${options.at(key)}`, own: `h.k${i}` }));
  const same = keys.map(({ log, own }) => `CAST(${log} AS VARCHAR) = ${own}`).join(" AND ");
  const isFresh = ttl === null ? "true" : `h.t >= l.micros - ${Math.round(ttl * 1e6)}`;
  const found = `CASE WHEN ${isFresh} THEN h.v END`;
  const expected = fallback === undefined ? found : `coalesce(${found}, CAST(${text(fallback)} AS ${type}))`;
  const isFloat = datatype(schema.dtype).kind === "float" && !schema.list;
  // A log of an earlier server has a null list as an empty one.
  const either = schema.list ? ["coalesce(logged, [])", "coalesce(expected, [])"] : ["logged", "expected"];
  const near = `abs(logged - expected) <= ${options.tolerance} * greatest(abs(logged), abs(expected)) + ${LEAST}`;
  const differs = `${either.join(" IS DISTINCT FROM ")}${isFloat ? ` AND NOT coalesce(${near}, false)` : ""}`;
  await database.run(
    `CREATE OR REPLACE TEMP TABLE compared AS SELECT *, ${differs} AS differs FROM (
       SELECT l.place, l.request, l.row, l.item, ${known(`l.f${options.at(schema)}`, isFloat)} AS logged, ${known(expected, isFloat)} AS expected
       FROM logged l ASOF LEFT JOIN history h ON ${same} AND l.micros >= h.t)
     ${checked.isPartial ? "WHERE logged IS NOT NULL" : ""}`,
    doing,
  );
  const largest = isFloat ? "max(abs(logged - expected)) FILTER (differs)" : "NULL";
  const [[compared, drifted, most]] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(*) FILTER (differs)::DOUBLE, ${largest}::DOUBLE FROM compared`,
    doing,
  )) as [[number, number, number | null]];
  const [first] = await database.rows(
    "SELECT request, row::DOUBLE, item, logged, expected FROM compared WHERE differs ORDER BY place LIMIT 1",
    doing,
  );
  return {
    column: checked.name,
    step: step.label,
    op: step.op,
    by: "history",
    compared,
    drifted,
    ...(most !== null && { largest: Number(most) }),
    ...(first && { first: differenceOf(first, schema) }),
  };
}

const known = (value: string, isFloat: boolean): string =>
  isFloat ? `CASE WHEN NOT isnan(${value}) THEN ${value} END` : value;

const differenceOf = ([request, row, item, logged, expected]: readonly Json[], { dtype }: ColumnSchema) => ({
  request: String(request),
  row: Number(row),
  item: String(item),
  logged: cellOf(logged!, dtype),
  expected: cellOf(expected!, dtype),
});

/** Makes the table `history`: keys as text, time `t`, value `v` in the type of the log, and whether it has another type. */
async function openHistory(
  database: Database,
  { view, feature, isTime, timestamp, created, keys }: HistoryColumn,
  history: History,
  type: string,
  doing: string,
): Promise<void> {
  const { files, format } = await findData(database, history.get(view)!);
  if (format !== "parquet" && format !== "csv" && format !== "json")
    throw invalid(`\`${files[0]}\` is ${format}; the history of a view is Parquet, CSV or JSON lines.`);
  const relation = format === "parquet" ? parquetRelation(files, []) : textRelation(format, files, [], false);
  const described = await database.rows(`DESCRIBE SELECT * FROM ${relation}`, `reading \`${files[0]}\``);
  const types = new Map(described.map(([name, stored]) => [String(name), String(stored)]));
  const names = new Set(types.keys());
  for (const name of [...keys.map(key => key.name), feature, timestamp])
    if (!names.has(name))
      throw invalid(
        `\`${files[0]}\` has no column \`${name}\`, which the history of view \`${view}\` needs; it has ${[...names].map(one => `\`${one}\``).join(", ")}.${didYouMean(name, names)}`,
      );
  const time = (name: string): string => `epoch_us(CAST(${identifier(name)} AS TIMESTAMPTZ))`;
  const made = created !== undefined && names.has(created) ? time(created) : "1";
  const stored = types.get(feature)!;
  const seconds = isTime && /^(TIMESTAMP|DATE)/.test(stored) && wholeSeconds(feature, type.endsWith("[]"), stored);
  const value = `TRY_CAST(${seconds || identifier(feature)} AS ${type})`;
  const own = keys.map(({ name }, i) => `CAST(${identifier(name)} AS VARCHAR) AS k${i}`);
  const places = keys.map((_, i) => `k${i}`).join(", ");
  await database.run(
    `CREATE OR REPLACE TEMP TABLE history AS SELECT ${places}, t, v, odd FROM (
       SELECT ${own.join(", ")}, ${time(timestamp)} AS t, ${value} AS v, ${identifier(feature)} IS NOT NULL AND ${value} IS NULL AS odd,
         ${made} AS made FROM ${relation} WHERE ${identifier(timestamp)} IS NOT NULL)
     QUALIFY row_number() OVER (PARTITION BY ${places}, t ORDER BY made DESC NULLS LAST) = 1`,
    doing,
  );
}
