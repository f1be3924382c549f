/** `listSlice` in SQL: the part between both ends, brought inside the list, and the padding. */

import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";
import { padOf, sliceEnds } from "./kernel.js";

export const listSlice: SqlForm<"listSlice"> = (step, inputs, { sql }) =>
  inputs.map(({ sql: col, dtype }, i) => {
    const [start, end] = sliceEnds(step.params);
    const length = sql.length(col);
    const place = (at: number) => (at < 0 ? `greatest(0, ${length} - ${-at})` : `least(${at}, ${length})`);
    const last = end === undefined ? length : place(end);
    const slice = sql.part(col, place(start), last);
    const { name, list } = step.outputs[i]!;
    if (!list || list.min !== list.max) return slice;
    const fill = padOf(step, { name, dtype });
    const value = datatype(dtype).kind === "bool" ? String(fill === 1) : sql.constant(fill, dtype);
    return sql.resize(slice, dtype, list.min, value);
  });
