/**
 * Nulls over the wire: beside a column's tensor an optional `NAME__validity` (BOOL), one entry a value, false for a null. A value that is null
 * travels as 0, `""` or NaN; a float NaN is null without saying so. Models whose configuration names such tensors read and answer them.
 */
import type { Schema } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import type { Column } from "../plan/table.js";
import { tensorValues } from "../plan/tensor-values.js";
import type { Tensor } from "../tensor.js";

export const validityName = (column: string): string => `${column}__validity`;

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

/** Validity tensors of those answers for which they are asked. */
export function nullTensors(
  outputs: Schema,
  columns: ReadonlyMap<string, Column>,
  answered: readonly Tensor[],
  asked: ReadonlySet<string>,
): readonly Tensor[] {
  return outputs.flatMap(({ name }) => {
    if (!asked.has(validityName(name))) return [];
    const values = answered.find(tensor => tensor.name === name || tensor.name === `${name}__values`)!;
    return { name: validityName(name), datatype: "BOOL", shape: values.shape, data: validityOf(columns.get(name)!) };
  });
}

function validityOf({ values, validity }: Column): Uint8Array {
  const known = validity ? Uint8Array.from(validity) : new Uint8Array(values.length).fill(1);
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < known.length; i++) if (Number.isNaN(values[i])) known[i] = 0;
  return known;
}
