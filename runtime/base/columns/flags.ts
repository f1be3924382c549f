/**
 * A condition per row → a flag per row.
 */
import type { Column } from "./table.js";

/** 1 where the condition holds; a null does not. */
export function flags({ values, validity, rows }: Column): Uint8Array {
  const holds = new Uint8Array(rows.count);
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  for (let i = 0; i < holds.length; i++)
    holds[i] = validity?.[i] !== 0 && (wide ? values[i] !== 0n : values[i] !== 0) ? 1 : 0;
  return holds;
}
