/**
 * Column and new values → a column of the same rows and list shape. Results of elementwise kernels.
 */

import type { Column, Values } from "../../../runtime/base/columns/table.js";
import type { DType } from "../../../triton-protos/datatype.js";

/** Without `validity` nothing is null (float NaN aside). */
export const withValues = (col: Column, dtype: DType, values: Values, validity?: Uint8Array): Column => ({
  dtype,
  rows: col.rows,
  values,
  ...(col.offsets && { offsets: col.offsets }),
  ...(col.width !== undefined && { width: col.width }),
  ...(col.listValidity && { listValidity: col.listValidity }),
  ...(validity && { validity }),
});
