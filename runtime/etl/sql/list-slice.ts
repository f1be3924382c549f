/** `listSlice` in SQL: `list_slice` with both ends brought inside the list, and `list_resize` for the padding. */
import { datatype } from "../../../triton-protos/datatype.js";
import { padOf, sliceEnds } from "../../kernels/list-slice.js";
import { constant } from "./literal.js";
import type { SqlForm } from "./sql-form.js";

export const listSlice: SqlForm<"listSlice"> = (step, inputs) =>
  inputs.map(({ sql, dtype }, i) => {
    const [start, end] = sliceEnds(step.params);
    const length = `len(${sql})`;
    const place = (at: number) => (at < 0 ? `greatest(0, ${length} - ${-at})` : `least(${at}, ${length})`);
    const last = end === undefined ? length : place(end);
    const slice = `CASE WHEN ${last} > ${place(start)} THEN list_slice(${sql}, ${place(start)} + 1, ${last}) ELSE ${sql}[1:0] END`;
    const { name, list } = step.outputs[i]!;
    if (!list || list.min !== list.max) return slice;
    const fill = padOf(step, { name, dtype });
    const value = datatype(dtype).kind === "bool" ? String(fill === 1) : constant(fill, dtype);
    return `list_resize(${slice}, ${list.min}, ${value})`;
  });
