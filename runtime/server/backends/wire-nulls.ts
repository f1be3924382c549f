/**
 * Nulls over the wire: beside a column's tensor an optional `NAME__validity` (BOOL), one entry a value, false for a null. A value that is null
 * travels as 0, `""` or NaN; a float NaN is null without saying so. Models whose configuration names such tensors read and answer them.
 */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { validityName } from "../../../contract/entry-config.js";
import type { Schema } from "../../../contract/schema.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { answerTensors } from "./merlon-outputs.js";

/** The columns, with what the request's validity tensors say. @throws RuntimeFault for one that does not fit its column */
export function withNulls(
  columns: ReadonlyMap<string, Column>,
  tensors: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Column> {
  return new Map([...columns].map(([name, col]) => [name, withNullsOf(name, col, tensors.get(validityName(name)))]));
}

function withNullsOf(name: string, col: Column, tensor: Tensor | undefined): Column {
  if (!tensor) return col;
  const validity = tensorValues(tensor, "bool") as Uint8Array;
  if (validity.length !== col.values.length)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${tensor.name}' has ${validity.length} entries and column '${name}' has ${col.values.length} values: it needs one a value`,
    );
  return validity.includes(0) ? { ...col, validity } : col;
}

/**
 * Validity tensors of those answers for which they are asked, in the shape of the answer's values. Where candidates are filled up to the longest row,
 * what fills them up is no value either.
 */
export function nullTensors(
  outputs: Schema,
  columns: ReadonlyMap<string, Column>,
  request: Rows,
  form: AnswerForm,
  asked: ReadonlySet<string>,
): readonly Tensor[] {
  return outputs.flatMap(schema => {
    const name = validityName(schema.name);
    if (!asked.has(name)) return [];
    const col = columns.get(schema.name)!;
    const { validity: _, ...known } = { ...col, dtype: "bool" as const, values: validityOf(col) };
    const [marks] = answerTensors({ ...schema, dtype: "bool" }, known, request, form);
    return [{ ...marks!, name }];
  });
}

function validityOf({ values, validity }: Column): Uint8Array {
  const known = validity ? Uint8Array.from(validity) : new Uint8Array(values.length).fill(1);
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < known.length; i++) if (Number.isNaN(values[i])) known[i] = 0;
  return known;
}
