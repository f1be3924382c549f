/** `listSlice` in SQL: the part between both ends, brought inside the list, and the padding. */

import { zip } from "../../contract/lists.js";
import { fixedLength } from "../../contract/schema.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";
import { padOf, sliceEnds } from "./kernel.js";

export const listSlice: SqlForm<"listSlice"> = (step, inputs, { sql }) =>
  zip(inputs, step.outputs).map(([{ sql: col, dtype }, made]) => {
    const [start, end] = sliceEnds(step.params);
    const length = sql.length(col);
    const place = (at: number) => (at < 0 ? `greatest(0, ${length} - ${-at})` : `least(${at}, ${length})`);
    const last = end === undefined ? length : place(end);
    const slice = sql.part(col, place(start), last);
    const width = fixedLength(made);
    if (width === undefined) return slice;
    const fill = padOf(step, { name: made.name, dtype });
    const value = datatype(dtype).kind === "bool" ? String(fill === 1) : sql.constant(fill, dtype);
    return sql.resize(slice, dtype, width, value);
  });
