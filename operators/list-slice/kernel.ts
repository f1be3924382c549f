/** List columns → the part of each list between `start` and `end`, padded on the right where the plan gives the column one length. */

import type { Step } from "../../contract/plan.js";
import { fixedLength } from "../../contract/schema.js";
import { allocate, type Column, gather, rootRows, type Values } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type FillValue, fillFor } from "../shared/kernel/fill-value.js";

export const listSlice: Kernel<"listSlice"> = {
  prepare(step) {
    const slices = step.outputs.map(col => ({ length: fixedLength(col), fill: padOf(step, col) }));
    return { run: inputs => inputs.input.map((col, c) => sliceColumn(col, step, slices[c]!)) };
  },
};

/** The slice's ends as Python reads them: one positive number alone is the end. The SQL form shares it. */
export const sliceEnds = ({ start, end }: Step<"listSlice">["params"]): readonly [number, number | undefined] =>
  start > 0 && end === undefined ? [0, start] : [start, end];

/** The padding of a column. The SQL form shares it. */
export function padOf(step: Step<"listSlice">, { name, dtype }: { name: string; dtype: DType }): FillValue {
  const { kind } = datatype(dtype);
  const value = step.params.padValue ?? (kind === "string" ? "" : kind === "bool" ? false : 0);
  return fillFor(dtype, value, `step \`${step.id}\` (listSlice), column \`${name}\`,`);
}

function sliceColumn(
  col: Column,
  step: Step<"listSlice">,
  { length: fixed, fill }: { readonly length: number | undefined; readonly fill: FillValue },
): Column {
  const { rows, dtype } = col;
  const [start, end] = sliceEnds(step.params);
  const offsets = new Int32Array(rows.count + 1);
  const from = new Int32Array(rows.count);
  const taken = new Int32Array(rows.count);
  for (let r = 0; r < rows.count; r++) {
    const first = col.offsets ? col.offsets[r]! : r * col.width!;
    const length = col.offsets ? col.offsets[r + 1]! - first : col.width!;
    const begin = place(start, length);
    from[r] = first + begin;
    taken[r] = Math.max(0, place(end ?? length, length) - begin);
    offsets[r + 1] = offsets[r]! + (fixed ?? taken[r]!);
  }
  const total = offsets[rows.count]!;
  // One index a value; padding points nowhere and is filled afterwards.
  const indices = new Int32Array(total);
  let padded = false;
  for (let r = 0; r < rows.count; r++) {
    const at = offsets[r]!;
    const width = offsets[r + 1]! - at;
    for (let i = 0; i < width; i++) indices[at + i] = i < taken[r]! ? from[r]! + i : -1;
    padded ||= taken[r]! < width;
  }
  const items: Column = { dtype, rows: rootRows(col.values.length), values: col.values };
  const { values, validity } = padded
    ? withPadding(col, indices, fill)
    : gather({ ...items, ...(col.validity && { validity: col.validity }) }, indices, rootRows(total));
  const shape = fixed === undefined ? { offsets } : { width: fixed };
  const lists = fixed === undefined && col.listValidity && { listValidity: col.listValidity };
  return { dtype, rows, values, ...shape, ...(validity && { validity }), ...lists };
}

const place = (at: number, length: number): number => (at < 0 ? Math.max(0, length + at) : Math.min(at, length));

function withPadding(
  { dtype, values, validity }: Column,
  indices: Int32Array,
  fill: FillValue,
): Pick<Column, "values" | "validity"> {
  const padded = allocate(dtype, indices.length);
  const valid = validity && new Uint8Array(indices.length).fill(1);
  const target = padded as { [i: number]: Values[number] };
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]!;
    target[i] = from < 0 ? fill : values[from]!;
    if (valid && from >= 0) valid[i] = validity[from]!;
  }
  return { values: padded, ...(valid && { validity: valid }) };
}
