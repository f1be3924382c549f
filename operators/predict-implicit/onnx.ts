/**
 * User rows → the items with the largest inner product of factors: a `Gather` of the user's factors, one product with all items', and a `TopK`.
 */

import {
  and,
  expand,
  flat,
  gather,
  greaterOrEqual,
  guarded,
  int64,
  less,
  not,
  scalar,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import { readImplicitFactors } from "../../formats/tables/implicit.js";
import { exactSearch } from "../shared/onnx/exact-search.js";
import { amongTaken, childRows } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const predictImplicit: Lowering<"predictImplicit"> = (step, { input, exclude = [] }, context) => {
  const { g } = context;
  const { topk, onMissing, path } = step.params;
  const factors = readImplicitFactors(context.file(step.artefacts.factors));
  const { users, items, dimension } = factors;
  const user = input[0];
  context.keys(step.inputs.input[0].name, [0n, 1n, BigInt(users - 1), BigInt(users)]);
  const inside = and(
    g,
    greaterOrEqual(g, user.values, scalar(g, "int64", 0n)),
    less(g, user.values, scalar(g, "int64", BigInt(users))),
  );
  const known = user.valid ? and(g, inside, user.valid) : inside;
  const first = where(g, known, user.values, scalar(g, "int64", 0n));
  const reason = `step ${step.label} (predictImplicit): ${step.inputs.input[0].name} is not a row of ${path}`;
  const place =
    onMissing === "error" ? guarded(g, first, amongTaken(g, not(g, known), user.rows, false), reason) : first;
  const queries = gather(g, g.constant("float32", [users, dimension], factors.userFactors), place);
  const ids = BigInt64Array.from({ length: items }, (_, i) => BigInt(i));
  const k = Math.min(topk, items);
  const hits = exactSearch(
    context,
    { vectors: factors.itemFactors, ids },
    { dimension, metric: "ip", ntotal: items },
    queries,
    k,
    exclude[0],
  );
  const there = unsqueeze(g, known, 1);
  const shape = g.op("Shape", [hits.ids], "int64");
  const found = hits.found ? and(g, hits.found, there) : expand(g, there, shape);
  const rows = childRows(g, step.id, user.rows, int64(g, k), {
    mask: onMissing === "error" ? hits.found : found,
    packed: true,
  });
  return [
    { dtype: "int64", rows, values: flat(g, hits.ids) },
    { dtype: "float32", rows, values: flat(g, hits.distances()) },
  ];
};
