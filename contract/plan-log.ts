/**
 * The part of a plan that says which columns an exposure log keeps. Older plans have none.
 */
import { z } from "zod";
import { datatype } from "../triton-protos/datatype.js";
import { isExposureColumn } from "./exposures.js";
import { type PlanOutput, planOutput } from "./plan-columns.js";
import { type ColumnSchema, printColumn, printType, REQUEST_ROWS } from "./schema.js";

export const planLog = z.strictObject({
  /** Ids of the shown items: one per row of the answer. */
  item: planOutput,
  /** Columns to keep, under the names that they have in the log. */
  columns: z.array(planOutput),
  /** Ids of the candidates of each other row set that a kept column has: its rows are matched with items by id. */
  ids: z.array(planOutput),
  /** The logged candidates: those that were shown, or each of the others too with this probability. */
  candidates: z.union([z.literal("shown"), z.strictObject({ all: z.number().gt(0).max(1) })]),
  /** Kept columns that are written as keyed hashes. */
  hashed: z.array(z.string()),
  retentionDays: z.number().positive().max(36_500).optional(),
});

export interface PlanLog {
  readonly item: PlanOutput;
  readonly columns: readonly PlanOutput[];
  readonly ids: readonly PlanOutput[];
  readonly candidates: "shown" | { readonly all: number };
  readonly hashed: readonly string[];
  readonly retentionDays?: number;
}

/** The columns that the log reads, in an order that `withLogColumns` takes them back in. */
export const logColumns = ({ item, columns, ids }: PlanLog): readonly PlanOutput[] => [item, ...columns, ...ids];

/** The log with its columns replaced, in the order of `logColumns`. */
export function withLogColumns(log: PlanLog, all: readonly PlanOutput[]): PlanLog {
  const [item, ...rest] = all;
  const kept = log.columns.length;
  return { ...log, item: item!, columns: rest.slice(0, kept), ids: rest.slice(kept) };
}

/** Why candidates of this dtype cannot be logged; undefined if they can. */
export function itemFault(item: ColumnSchema): string | undefined {
  const { kind } = datatype(item.dtype);
  if (item.list || (kind !== "string" && kind !== "int" && (kind !== "uint" || item.dtype === "uint64")))
    return `ids of logged items are integers of at most 64 signed bits or strings, and \`${item.name}\` is ${printType(item)}`;
  return undefined;
}

/** Why a column cannot have its name in the log; undefined if it can. @param before names of the columns before it */
export function keptNameFault(name: string, before: readonly string[]): string | undefined {
  if (isExposureColumn(name)) return `\`${name}\` is a column of every exposure log`;
  const twin = before.find(other => other.toLowerCase() === name.toLowerCase());
  if (twin === undefined) return undefined;
  return twin === name ? `\`${name}\` is kept twice` : `\`${twin}\` and \`${name}\` are one name in DuckDB`;
}

/**
 * Describes the fault of a log in a plan that was read from a file; undefined without one.
 * @param schemaOf the column as its step makes it; undefined if no step does
 */
export function planLogFault(
  log: PlanLog,
  schemaOf: (step: string, column: string) => ColumnSchema | undefined,
): string | undefined {
  for (const { ref, schema } of logColumns(log)) {
    const made = schemaOf(ref.step, ref.column);
    if (!made) return `log reads column \`${ref.column}\` of step \`${ref.step}\`, which no step makes`;
    const same = printType(made) === printType(schema) && made.rows === schema.rows;
    if (!same)
      return `log reads \`${printColumn(schema)}\` with the rows of \`${schema.rows}\`, and step \`${ref.step}\` makes \`${printColumn(made)}\` with those of \`${made.rows}\``;
  }
  const { item, columns, ids, hashed } = log;
  if (item.schema.rows === REQUEST_ROWS)
    return "log.item has the rows of the request, and is to have those of the answer";
  const known = new Set([REQUEST_ROWS, item.schema.rows, ...ids.map(({ schema }) => schema.rows)]);
  for (const [i, { schema }] of columns.entries()) {
    const before = columns.slice(0, i).map(other => other.schema.name);
    const wrong = keptNameFault(schema.name, before);
    if (wrong !== undefined) return `log.columns: ${wrong}`;
    if (!known.has(schema.rows))
      return `log.columns: \`${schema.name}\` has the rows of \`${schema.rows}\`, and log.ids has no ids of them`;
  }
  for (const { schema } of [item, ...ids]) {
    const wrong = itemFault(schema);
    if (wrong !== undefined) return `log: ${wrong}`;
    if ((schema.dtype === "string") !== (item.schema.dtype === "string"))
      return `log: ids \`${schema.name}\` are ${schema.dtype}, and items are ${item.schema.dtype}`;
  }
  const strange = hashed.find(name => !columns.some(({ schema }) => schema.name === name));
  return strange === undefined ? undefined : `log.hashed names \`${strange}\`, which is not a kept column`;
}
