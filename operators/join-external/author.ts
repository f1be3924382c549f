/** Columns of a file, joined by key. */
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { column, REQUEST_ROWS } from "../../contract/schema.js";
import { DATATYPES, type DType } from "../../triton-protos/datatype.js";
import { need, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { scalars } from "../target-encoding/author.js";

interface Options {
  /** Columns on the left that are the key. */
  readonly on: string | readonly string[];
  /** Their names in the file, in the same order. @default those on the left */
  readonly onExternal?: string | readonly string[];
  /** `"left"` keeps rows without a match, with nulls; `"inner"` drops them. @default "left" */
  readonly how?: "left" | "inner";
  /** Columns to take from the file, with their dtypes. */
  readonly columns: Readonly<Record<string, DType>>;
  /** If several rows of the file have the same key, the first is used; without it they are an error. @default false */
  readonly dropDuplicates?: boolean;
}

/**
 * Joins columns of a file to the columns on the left, row for row. The file is read while fitting and kept in the fitted folder; the left
 * key must have the dtype it is declared with. A null key matches a null key of the file. NVTabular's JoinExternal; if several rows match,
 * this requires `dropDuplicates`.
 * @param path Parquet or CSV, beside this file
 * @example ["item_id", "price"] >> joinExternal("items.parquet", { on: "item_id", columns: { brand: "string" } })
 */
export const joinExternal = (path: string, options: Options): Op<OpenRule> =>
  new Op("joinExternal", { path, ...options });

const names = z.union([z.string(), z.array(z.string()).min(1)]);
const listOf = (value: string | readonly string[]): string[] => (typeof value === "string" ? [value] : [...value]);
const dtype = z.enum(DATATYPES.map(row => row.name) as [DType, ...DType[]]);

export const joinExternalOp = defineOp({
  kind: "joinExternal",
  positional: ["path"],
  params: z
    .strictObject({
      path: z.string().min(1),
      on: names,
      onExternal: names.optional(),
      how: z.enum(["left", "inner"]).default("left"),
      columns: z.record(z.string(), dtype).refine(c => Object.keys(c).length > 0, "names no column"),
      dropDuplicates: z.boolean().default(false),
    })
    .refine(
      p => !p.onExternal || listOf(p.onExternal).length === listOf(p.on).length,
      "`onExternal` needs a name for each of `on`",
    ),
  infer: call => {
    const { on, onExternal, columns, how, ...rest } = call.params;
    const keys = listOf(on);
    const found = keys.map(name =>
      need(call, call.input, name, "`joinExternal`", "Bring the key along.", { literal: name }),
    );
    if (found.some(b => !b)) return undefined;
    if (
      !scalars(
        call,
        "joinExternal",
        found.map(b => b!),
        "left",
        () => true,
      )
    )
      return undefined;
    if (!sameRows(call, call.input, "`joinExternal`")) return undefined;
    const clash = call.input.find(b => Object.hasOwn(columns, b.column.name));
    if (clash)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "joinExternal",
          wanted: "columns that are new",
          column: clash.column.name,
          seen: "on the left already",
          way: `Leave it out of \`columns\`, or out of the left side: \`node - "${clash.column.name}"\`.`,
        }),
      );
    const rows = call.input[0]?.column.rows ?? REQUEST_ROWS;
    const made = how === "inner" ? call.id : rows;
    return {
      params: { ...rest, how, columns, on: keys, onExternal: onExternal ? listOf(onExternal) : keys },
      inputs: { input: call.input },
      outputs: [
        ...call.input.map(({ column: col }) => ({ ...col, rows: made })),
        ...Object.entries(columns).map(([name, type]) => column(name, type, { rows: made })),
      ],
      ...(how === "inner" && { madeRows: { parent: call.parentRows(rows) ?? rows } }),
    };
  },
});
