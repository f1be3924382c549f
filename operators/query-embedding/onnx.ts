/** Integer ids → vectors of a table: a look-up of the place, and a `Gather`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encode, gather, guarded, int64, less, where } from "../../compiler/onnx/elementary.js";
import { KEYS, VECTORS } from "../../formats/tables/embedding-table.js";
import { amongTaken } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const queryEmbedding: Lowering<"queryEmbedding"> = (step, { input }, context) => {
  const { g } = context;
  const { dimension, onMissing, path } = step.params;
  const ids = input[0];
  const folder = context.file(step.artefacts.table);
  const read = (name: string) => {
    const bytes = readFileSync(join(folder, name));
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  };
  const keys = new BigInt64Array(read(KEYS));
  const count = keys.length;
  context.keys(step.inputs.input[0].name, keys);
  // The last row is that of an unknown id.
  const vectors = new Float32Array((count + 1) * dimension);
  vectors.set(new Float32Array(read(VECTORS)));
  const found = encode(
    g,
    ids.values,
    [...keys],
    Array.from(keys, (_, i) => i),
    count,
  );
  const place = ids.valid ? where(g, ids.valid, found, int64(g, count)) : found;
  const unknown = less(g, int64(g, count - 1), place);
  const reason = `step ${step.label} (queryEmbedding): ${path} has no vector for an id of ${step.inputs.input[0].name}`;
  const at = onMissing === "error" ? guarded(g, place, amongTaken(g, unknown, ids.rows, false), reason) : place;
  const values = gather(g, g.constant("float32", [count + 1, dimension], vectors), at);
  return [{ dtype: "float32", rows: ids.rows, width: dimension, values }];
};
