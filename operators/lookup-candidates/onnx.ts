/** A key per row → its candidates: the key's row in a matrix of all lists. The matrix is the table as it is at the build. */
import { readFileSync } from "node:fs";
import {
  and,
  flat,
  gather,
  greaterOrEqual,
  int64,
  less,
  max,
  mul,
  range,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { Value } from "../../compiler/onnx/graph-builder.js";
import { parseCandidateTable, type TableColumn } from "../../formats/tables/candidate-table.js";
import { placesOf } from "../shared/onnx/key-places.js";
import { childRows, graphDtype, isList, type LoweredColumn, nulls } from "../shared/onnx/lowered-column.js";
import { KEEP, type LowerContext, type Lowering } from "../shared/onnx/lowering.js";

export const lookupCandidates: Lowering<"lookupCandidates"> = (step, { input }, context) => {
  const { g } = context;
  const key = input[0];
  const { name } = step.inputs.input[0];
  const { path, topk = Number.POSITIVE_INFINITY, scores: keepsScores, everyone } = step.params;
  if (isList(key) && !everyone)
    context.fail(
      `it unites the lists of all keys of \`${name}\`, which a graph would compare pair by pair`,
      `Look one key up, or ${KEEP}.`,
    );
  const { keys, starts, ids, scores } = parseCandidateTable(readFileSync(context.file(step.artefacts.table)));
  const count = keys.values.length;
  const lengths = Array.from({ length: count }, (_, i) => Math.min(topk, starts[i + 1]! - starts[i]!));
  const longest = Math.max(1, ...lengths);
  const matrix = (dtype: LoweredColumn["dtype"], values: ArrayLike<unknown>): LoweredColumn["values"] => {
    const kind = graphDtype(dtype);
    const none = kind === "string" ? "" : kind === "int64" ? 0n : 0;
    const wide = new Array<unknown>(count * longest).fill(none);
    lengths.forEach((length, i) => {
      for (let j = 0; j < length; j++) {
        const value = values[starts[i]! + j];
        wide[i * longest + j] = kind === "int64" ? BigInt.asIntN(64, BigInt(value as number)) : value;
      }
    });
    return g.constant(kind, [count, longest], wide as readonly bigint[]);
  };
  context.note(`step \`${step.label}\` has \`${path}\` as it is now: a graph does not read it again.`);
  const places = everyone ? mul(g, range(g, key.rows.count), int64(g, 0)) : placesOfKeys(context, key, name, keys);
  const at = max(g, places, int64(g, 0));
  const taken = gather(g, g.constant("int64", [count], lengths.map(BigInt)), at);
  const within = less(g, unsqueeze(g, range(g, longest), 0), unsqueeze(g, taken, 1));
  const mask = and(g, within, unsqueeze(g, greaterOrEqual(g, places, int64(g, 0)), 1));
  const rows = childRows(g, step.id, key.rows, int64(g, longest), { mask, packed: true });
  const made = (dtype: LoweredColumn["dtype"], values: ArrayLike<unknown>): LoweredColumn => ({
    dtype,
    rows,
    values: flat(g, gather(g, matrix(dtype, values), at)),
  });
  return [
    {
      ...made(ids.dtype, ids.values),
      ...(ids.dtype === "string" && { domain: new Set([...(ids.values as string[]), ""]) }),
    },
    ...(keepsScores ? [made("float32", scores!)] : []),
  ];
};

/** −1 for a null, and for a key that the table does not have. */
function placesOfKeys(context: LowerContext, key: LoweredColumn, name: string, keys: TableColumn): Value {
  const { g } = context;
  const found = placesOf(context, key, name, { dtype: key.dtype, values: keys.values });
  const missing = nulls(g, key);
  return missing ? where(g, missing, int64(g, -1), found) : found;
}
