/**
 * A flag per row and two branches' columns → each row's columns of the branch that its flag says. A graph computes both. Candidates of both get the
 * same number of places before one is chosen.
 */
import {
  and,
  concat,
  dim,
  equal,
  expand,
  flat,
  max,
  not,
  reshape,
  scalar,
  sub,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { childRows, grid, isFloat, isList, type LoweredColumn, type RowSet } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const choose: Lowering<"choose"> = (step, { input, yes, no }, { g, note }) => {
  const [condition] = input as [LoweredColumn];
  note(
    `step \`${step.label}\` computes both branches for every request. An error in one of them (\`onMissing: "error"\`) fails the request even if no row takes that branch.`,
  );
  const held =
    condition.dtype === "bool" ? condition.values : not(g, equal(g, condition.values, scalar(g, "int64", 0n)));
  const holds = condition.valid ? and(g, held, condition.valid) : held;
  if (!step.outputs.some(col => col.rows === step.id)) {
    // Candidates may themselves be the rows that are chosen for.
    const { rows } = condition;
    return yes.map((col, i) => ({ ...either(g, holds, col, no[i]!), rows }));
  }
  const [own, other] = [yes[0].rows, no[0].rows];
  const width = max(g, own.width!, other.width!);
  const taken = (rows: RowSet): Value => padTo(g, rows.mask ?? everyPlace(g, rows), 1, width);
  const mask = where(g, unsqueeze(g, holds, 1), taken(own), taken(other));
  const rows = childRows(g, step.id, condition.rows, width, {
    mask,
    packed: (own.packed === true || !own.mask) && (other.packed === true || !other.mask),
  });
  const index = flat(g, expand(g, unsqueeze(g, holds, 1), grid(g, rows)));
  return yes.map((col, i) => ({
    ...either(g, index, widened(g, col, width), widened(g, no[i]!, width)),
    rows,
  }));
};

const everyPlace = (g: GraphBuilder, rows: RowSet): Value => expand(g, scalar(g, "bool", true), grid(g, rows));

/** Values where a flag holds, else those of another column of the same type and rows. @param holds bool[n] */
function either(g: GraphBuilder, holds: Value, a: LoweredColumn, b: LoweredColumn): LoweredColumn {
  const list = isList(a);
  const ragged = a.lengths !== undefined;
  const longest = ragged ? max(g, dim(g, a.values, 1), dim(g, b.values, 1)) : undefined;
  const whole = (value: Value) => (longest ? padTo(g, value, 1, longest) : value);
  const flag = list ? unsqueeze(g, holds, 1) : holds;
  const known = (col: LoweredColumn) =>
    whole(col.valid ?? expand(g, scalar(g, "bool", true), g.op("Shape", [col.values], "int64")));
  const nullable = !isFloat(a) && (a.valid || b.valid);
  return {
    dtype: a.dtype,
    rows: a.rows,
    values: where(g, flag, whole(a.values), whole(b.values)),
    ...(nullable && { valid: where(g, flag, known(a), known(b)) }),
    ...(ragged && { lengths: where(g, holds, a.lengths, b.lengths!) }),
    ...(a.width !== undefined && { width: a.width }),
    ...(a.domain && b.domain && { domain: new Set([...a.domain, ...b.domain, ""]) }),
  };
}

/** A column of candidates with more places under each row of the parent. @param width int64[1] */
function widened(g: GraphBuilder, col: LoweredColumn, width: Value): LoweredColumn {
  const { rows } = col;
  const spread = (value: Value, rest?: Value): Value => {
    const shape = grid(g, rows);
    const own = reshape(g, value, rest ? concat(g, [shape, rest]) : shape);
    const wide = padTo(g, own, 1, width);
    return rest ? reshape(g, wide, concat(g, [g.constant("int64", [1], [-1n]), rest])) : flat(g, wide);
  };
  const rest = isList(col) ? dim(g, col.values, 1) : undefined;
  return {
    ...col,
    values: spread(col.values, rest),
    ...(col.valid && { valid: spread(col.valid, rest) }),
    ...(col.lengths && { lengths: spread(col.lengths) }),
  };
}

/** As long along the axis as said, what lacks filled with nothing. @param size int64[1], no less than there is */
function padTo(g: GraphBuilder, value: Value, axis: number, size: Value): Value {
  const nothing = scalar(g, value.dtype, value.dtype === "string" ? "" : 0);
  const lacking = sub(g, size, dim(g, value, axis));
  const shape = g.op("Shape", [value], "int64");
  const rank = g.op("Size", [shape], "int64");
  const places = g.op("Range", [scalar(g, "int64", 0n), rank, scalar(g, "int64", 1n)], "int64");
  const to = where(g, equal(g, places, scalar(g, "int64", BigInt(axis))), lacking, shape);
  return concat(g, [value, expand(g, nothing, to)], axis);
}
