/** A look-up beyond the end of a table in a model's graph → the column, the row and the value that it was. */
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { TypedTensor } from "../../runtime/base/tensor.js";

/** ONNX Runtime's own words of `Gather` and its like. */
const BEYOND = /idx=(-?\d+) must be within the inclusive range \[(-?\d+),(-?\d+)\]/;

/** A tensor of a model, and the column that it was made of. */
export interface NamedTensor {
  readonly tensor: TypedTensor;
  readonly column: string | undefined;
}

/**
 * The fault with the culprit's name, where it is one of a table and a column of integers holds the number; else as it is. Rows count from 0 within
 * the request of the model.
 */
export function nameLookUp(error: unknown, model: string, inputs: readonly NamedTensor[]): unknown {
  if (!(error instanceof RuntimeFault)) return error;
  const [, id, , last] = BEYOND.exec(error.message) ?? [];
  if (id === undefined || last === undefined) return error;
  for (const { tensor, column } of inputs) {
    const row = column === undefined ? -1 : rowOf(tensor, BigInt(id));
    if (row < 0) continue;
    return new RuntimeFault(
      error.code,
      `${error.message}. Column \`${column}\` has ${id} in row ${row}, and a table of model \`${model}\` ends at ${last}: the model was trained on another fit. Train it on the one that is served, or serve the fit that it was trained on.`,
      { cause: error },
    );
  }
  return error;
}

/** The row that holds a number; −1 where none does. Lists lie end to end, so that a place in them is all that is known. */
function rowOf({ values, shape, dtype }: TypedTensor, id: bigint): number {
  if (!/^u?int/.test(dtype) || Array.isArray(values)) return -1;
  const wanted = values instanceof BigInt64Array || values instanceof BigUint64Array ? id : Number(id);
  const at = (values as unknown as readonly unknown[]).indexOf(wanted);
  return at < 0 ? -1 : Math.floor(at / Math.max(1, values.length / Math.max(1, shape[0] ?? 1)));
}
