/** Rows of a table of attributes, as the file of changes keeps them. */
import { printFittedTable } from "../../../operators/shared/kernel/fitted-table.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";

export interface AttributeValues {
  readonly dtype: DType;
  readonly values: ArrayLike<unknown>;
  readonly validity?: ArrayLike<number> | undefined;
}

/** @param columns by name @param rows indices of the rows, in the order of the result @returns an Arrow file */
export function printPickedRows(
  columns: Iterable<readonly [name: string, values: AttributeValues]>,
  rows: ArrayLike<number>,
): Uint8Array {
  return printFittedTable(
    Object.fromEntries(
      Array.from(columns, ([name, { dtype, values, validity }]) => {
        const { array } = datatype(dtype);
        const picked = Array.from(rows, row => values[row]!);
        return [
          name,
          {
            dtype,
            values: array
              ? (array as unknown as { from(x: unknown): Float64Array }).from(picked)
              : (picked as string[]),
            ...(validity && { validity: Uint8Array.from(rows, row => validity[row]!) }),
          },
        ];
      }),
    ),
  );
}
