/** The request's tensors, in the form of the entry → columns of a graph. */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { type ColumnTensor, entryColumn } from "../../../contract/column-tensors.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";
import { type ColumnRead, readColumn } from "./read-column.js";

/** Declares the tensors of one column as inputs of the graph. */
export function requestTensors(g: GraphBuilder, col: ColumnSchema, form: AnswerForm): ColumnRead {
  const declare = ({ name, dtype, dims, part }: ColumnTensor): Value =>
    g.input(
      name,
      dtype,
      part === "values" && name === col.name ? ["batch", ...dims.slice(1)] : [`${col.name} ${part}`],
    );
  return readColumn(g, col, requestColumn(col, form), declare);
}

/** Full dims: the models of an ensemble have no batch dimension of Triton's own. */
export const requestColumn = (col: ColumnSchema, form: AnswerForm): readonly ColumnTensor[] =>
  entryColumn(col, form).map(one => (form === "batched" ? { ...one, dims: [-1, ...one.dims] } : one));
