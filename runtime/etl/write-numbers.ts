/** Numbers of a typed array → a whole vector of DuckDB: its own interface needs a call for each value. */
import bindings, { type Vector } from "@duckdb/node-bindings";

/** @param isNull of a place in `values`; absent where nothing is null */
export function writeNumbers(
  target: Vector,
  values: Float64Array,
  start: number,
  count: number,
  isNull?: (i: number) => boolean,
): void {
  const { buffer, byteOffset, BYTES_PER_ELEMENT: size } = values;
  bindings.copy_data_to_vector(target, 0, buffer as ArrayBuffer, byteOffset + start * size, count * size);
  if (!isNull) return;
  const bits = new Uint8Array(Math.ceil(count / 64) * 8).fill(255);
  let nulls = 0;
  for (let i = 0; i < count; i++)
    if (isNull(start + i)) {
      bits[i >> 3]! &= ~(1 << (i & 7));
      nulls++;
    }
  if (nulls === 0) return;
  bindings.vector_ensure_validity_writable(target);
  bindings.copy_data_to_vector_validity(target, 0, bits.buffer, 0, bits.length);
}
