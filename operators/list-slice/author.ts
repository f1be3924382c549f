/** Parts of list columns, padded to one length on request. */

import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParams, type OpParamsInput } from "../../contract/op-params.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, withTags } from "../shared/author/elementwise.js";

type Options = Pick<OpParamsInput["listSlice"], "pad" | "padValue">;

interface SliceRule<Pad extends boolean> extends Rule {
  readonly fault: never;
  readonly out: this["S"] extends `list<${infer T}> ${infer N}`
    ? Pad extends true
      ? `${T}[${number}] ${N}`
      : this["S"]
    : this["S"] extends `${infer T}[${number}] ${infer N}`
      ? `${T}[${number}] ${N}`
      : this["S"];
}

/**
 * Takes part of each list, counted as Python counts: `listSlice(3)` the first three values, `listSlice(-3)` the last three,
 * `listSlice(1, 4)` the second to the fourth.
 * @param options.pad fills short lists on the right, so that the column has one length (NVTabular leaves them short after Parquet)
 * @param options.padValue what to fill with, in the column's dtype @default 0, or "" for text
 * @example ["seen_ids"] >> categorify() >> listSlice(-20, { pad: true })
 */
export function listSlice(start: number, options: Options & { readonly pad: true }): Op<SliceRule<true>>;
export function listSlice(start: number, end: number, options: Options & { readonly pad: true }): Op<SliceRule<true>>;
export function listSlice(start: number, options?: Options): Op<SliceRule<false>>;
export function listSlice(start: number, end: number, options?: Options): Op<SliceRule<false>>;
export function listSlice(start: number, end?: number | Options, options?: Options): Op<Rule> {
  const given = typeof end === "number" ? { start, end, ...options } : { start, ...end };
  return new Op("listSlice", given);
}

/** As Python's slice: one positive number alone is the end. */
const bounds = ({ start, end }: Pick<OpParams["listSlice"], "start" | "end">): readonly [number, number | undefined] =>
  start > 0 && end === undefined ? [0, start] : [start, end];

/** The most values a row can have; undefined without a limit. */
function longest(params: OpParams["listSlice"]): number | undefined {
  const [start, end] = bounds(params);
  if (start < 0) return end === undefined || end > 0 ? -start : end - start;
  return end === undefined || end < 0 ? undefined : end - start;
}

/** How many values of a list of `width` are taken. */
function taken(width: number, params: OpParams["listSlice"]): number {
  const [start, end] = bounds(params);
  const place = (at: number) => (at < 0 ? Math.max(0, width + at) : Math.min(at, width));
  return Math.max(0, place(end ?? width) - place(start));
}

export const listSliceOp = defineOp({
  kind: "listSlice",
  params: OP_PARAMS.listSlice
    .refine(p => (longest(p) ?? 1) > 0, "takes nothing: `end` is not behind `start`")
    .refine(
      p => !p.pad || longest(p) !== undefined,
      "cannot `pad` to a length that has no limit: give `start` and `end` the same sign",
    ),
  infer: call =>
    mapColumns(call, ({ column }) => {
      if (!column.list) return call.refuseType(column, "lists", `Leave it out: \`node - "${column.name}"\`.`);
      return withTags({ ...column, list: shape(column.list, call.params) }, ["list"]);
    }),
});

function shape(list: NonNullable<ColumnSchema["list"]>, params: OpParams["listSlice"]): ColumnSchema["list"] {
  const most = longest(params);
  if (params.pad) return { min: most!, max: most! };
  const fixed = list.min === list.max ? taken(list.min, params) : 0;
  return fixed > 0 ? { min: fixed, max: fixed } : { ...list, min: 0, max: most ?? null };
}
