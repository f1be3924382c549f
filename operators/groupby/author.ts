/** Rows → one row a group. */
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { AGGREGATIONS, type OpParams } from "../../contract/op-params.js";
import { type ColumnSchema, column, REQUEST_ROWS } from "../../contract/schema.js";
import { need, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import { isNumber, numbersOf } from "../shared/author/elementwise.js";
import { scalars } from "../target-encoding/author.js";

type Agg = OpParams["groupby"]["aggs"][number]["agg"];
type Aggs = Agg | readonly Agg[];

interface Options {
  /** Sorts the rows first: `list`, `first` and `last` use this order. Ties keep the order of the data, nulls are last. */
  readonly sort?: string | readonly string[];
  /** Sort direction of `sort`. @default true */
  readonly ascending?: boolean;
  /** Between a column's name and the aggregation's. @default "_" */
  readonly nameSep?: string;
}

/**
 * One row for each combination of values of the columns `by`, which must be on the left: these columns, and `{column}_{aggregation}` of the
 * others. `list`, `first`, `last`, `min` and `max` keep the dtype. `count` and `nunique` are int32. `sum`, `mean`, `std`, `var` (ddof 1)
 * and `median` are float32. All but the first three ignore nulls. `first` and `last` are the earliest and the latest whichever way the
 * lists run. Rows with a null in `by` go. A group has the position of its first row. Each file, and each request, is grouped on its own, as
 * NVTabular's Groupby does with partitions.
 * @param aggs for all columns, or by column
 * @example ["session_id", "item_id", "timestamp"] >> groupby("session_id", { item_id: "list", timestamp: ["first", "last"] }, { sort: "timestamp" })
 */
export const groupby = (
  by: string | readonly string[],
  aggs: Aggs | Readonly<Record<string, Aggs>> = "list",
  options: Options = {},
): Op<OpenRule> => new Op("groupby", { by, aggs, ...options });

const agg = z.enum(AGGREGATIONS);
const several = z.union([agg, z.array(agg).min(1)]);
const names = z.union([z.string(), z.array(z.string()).min(1)]);
const listOf = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

const authorParams = z.strictObject({
  by: names,
  aggs: z.union([several, z.record(z.string(), several)]),
  sort: names.optional(),
  ascending: z.boolean().default(true),
  nameSep: z.string().default("_"),
});

const OF_NUMBERS: ReadonlySet<Agg> = new Set(["sum", "mean", "std", "var", "median", "min", "max"]);

export const groupbyOp = defineOp({
  kind: "groupby",
  positional: ["by", "aggs"],
  params: authorParams,
  infer: call => {
    const { by, sort, ascending, nameSep } = call.params;
    const keys = listOf(by);
    const sorted = listOf(sort ?? []);
    const way = "Bring it along on the left.";
    if (![...keys, ...sorted].every(name => need(call, call.input, name, "`groupby`", way, { literal: name })))
      return undefined;
    if (!scalars(call, "groupby", call.input, "left", () => true)) return undefined;
    if (!sameRows(call, call.input, "`groupby`")) return undefined;
    const aggs = aggregations(call, keys);
    if (!aggs) return undefined;
    const rows = call.input[0]?.column.rows ?? REQUEST_ROWS;
    const source = (name: string) => call.input.find(b => b.column.name === name)!.column;
    return {
      params: { by: [...keys], sort: [...sorted], ascending, nameSep, aggs },
      inputs: { input: call.input },
      outputs: [
        ...keys.map(name => ({ ...source(name), rows: call.id })),
        ...aggs.map(one => aggregated(source(one.column), one.agg, `${one.column}${nameSep}${one.agg}`, call.id)),
      ],
      madeRows: { parent: call.parentRows(rows) ?? rows },
    };
  },
});

function aggregated(of: ColumnSchema, agg: Agg, name: string, rows: string): ColumnSchema {
  if (agg === "list") return { ...of, name, rows, list: { min: 0, max: null } };
  if (agg === "count" || agg === "nunique")
    return column(name, "int32", { rows, tags: of.tags, properties: numbersOf(of, "int32").properties });
  if (["first", "last", "min", "max"].includes(agg)) return { ...of, name, rows };
  return { ...numbersOf(of, "float32"), name, rows };
}

/** Column by column in the order of the left side; undefined after a fault. */
function aggregations(
  call: Call<z.output<typeof authorParams>>,
  keys: readonly string[],
): OpParams["groupby"]["aggs"] | undefined {
  const { aggs } = call.params;
  const others = call.input.filter(b => !keys.includes(b.column.name));
  const byColumn =
    typeof aggs === "string" || Array.isArray(aggs) ? undefined : (aggs as Readonly<Record<string, Aggs>>);
  for (const name of Object.keys(byColumn ?? {}))
    if (
      !need(call, others, name, "`groupby`", "Name a column of the left side that is not in `by`.", { literal: name })
    )
      return undefined;
  const found = others.flatMap(({ column: { name } }) => {
    const asked = byColumn ? (byColumn[name] ?? []) : (aggs as Aggs);
    return listOf<Agg>(asked).map(one => ({ column: name, agg: one }));
  });
  const odd = found.find(
    ({ column: name, agg: one }) =>
      OF_NUMBERS.has(one) && !isNumber(others.find(b => b.column.name === name)!.column.dtype),
  );
  if (!odd) return found;
  return call.fail(
    messages.schemaDtypeUnsupported({
      operator: `groupby's ${odd.agg}`,
      wanted: "numbers",
      column: odd.column,
      seen: others.find(b => b.column.name === odd.column)!.column.dtype,
      way: `Give each column what fits it: \`{ ${odd.column}: "list" }\`.`,
    }),
  );
}
