/**
 * Outputs of one ONNX model that later ones read: columns, as the tensors of `column-tensors.ts`. Candidates' rows are a mask over
 * positions, once for all of their columns: bool[parent rows, places].
 */

import { type Part, stageColumn } from "../../../contract/column-tensors.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { grid, items, type LoweredColumn, type RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import { cast, expand, hideWidth, scalar, unsqueeze } from "../../onnx/elementary.js";
import type { Value } from "../../onnx/graph-builder.js";
import { flatItems, offsetsOf } from "./list-pair.js";
import type { ColumnEdge, RowsEdge, StageGraph } from "./stage-graph.js";

/** Writes a column as tensors of the model. @param name of the column in the ensemble @param matrix a scalar as `[n, 1]` */
export function writeColumn(
  stage: StageGraph,
  col: LoweredColumn,
  { name, matrix }: { readonly name: string; readonly matrix: boolean },
): ColumnEdge {
  const { g } = stage;
  const column = { name, dtype: col.dtype, rows: col.rows.id, ...listOf(col) };
  const nullable = (col.listValid ?? col.valid) !== undefined;
  const tensors = stageColumn(column, { nullable, matrix, rows: "places" });
  const there = col.lengths && items(g, col);
  const flat = (value: Value): Value => (there ? flatItems(g, value, there) : value);
  const parts: Readonly<Record<Part, () => Value>> = {
    values: () => {
      const values = flat(cast(g, col.values, col.dtype));
      return matrix && !column.list ? unsqueeze(g, values, 1) : values;
    },
    offsets: () => cast(g, offsetsOf(g, col.lengths!), "int32"),
    validity: () => col.listValid ?? flat(col.valid!),
  };
  for (const one of tensors) stage.write(one, parts[one.part]());
  return { column, tensors, ...(col.domain && { domain: col.domain }) };
}

function listOf({ width, lengths, listValid }: LoweredColumn): Pick<ColumnSchema, "list"> {
  if (lengths) return { list: { min: 0, max: null, ...(listValid && { nulls: true }) } };
  return width === undefined ? {} : { list: { min: width, max: width } };
}

/** Writes rows that the model made. @param name of their tensor */
export function writeRows(stage: StageGraph, rows: RowSet, name: string): RowsEdge {
  const { g } = stage;
  const mask = rows.mask ?? expand(g, scalar(g, "bool", true), grid(g, rows));
  stage.write({ name, dims: [-1, -1] }, hideWidth(g, mask));
  return {
    id: rows.id,
    parent: rows.parent!.id,
    tensor: name,
    masked: rows.mask !== undefined,
    packed: rows.packed === true,
  };
}
