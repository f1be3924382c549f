/** Candidates → those in none of their user's deny lists and in one of its allow lists: each is compared with each item of the lists. */
import {
  and,
  any,
  cast,
  equal,
  flat,
  not,
  or,
  reduce,
  scalar,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { inBloom } from "../shared/onnx/bloom.js";
import { asGrid, isList, type LoweredColumn, narrowRows, presentItems } from "../shared/onnx/lowered-column.js";
import { KEEP, type LowerContext, type Lowering } from "../shared/onnx/lowering.js";

export const filterCandidates: Lowering<"filterCandidates"> = (
  step,
  { input, filterOut = [], allow = [], seen = [] },
  context,
) => {
  const { g } = context;
  const candidates = input[0];
  const filterNames = (step.inputs.seen ?? []).map(ref => ref.name);
  refuseTexts(context, candidates, seen, filterNames);
  const ids = asGrid(g, candidates.values, candidates.rows);
  const known = candidates.valid && asGrid(g, candidates.valid, candidates.rows);
  // A null is in no list.
  const among = (lists: readonly LoweredColumn[]): Value | undefined => {
    const found = lists.map(list => inList(g, ids, list));
    if (found.length === 0) return undefined;
    const all = found.reduce((a, b) => or(g, a, b));
    return known ? and(g, all, known) : all;
  };
  const passed = seen.map((filters, i) => {
    const what = `step ${step.label} (filterCandidates): column ${filterNames[i]} holds words that are not a Bloom filter`;
    const met = inBloom(g, ids, filters, what);
    return known ? and(g, met, known) : met;
  });
  const listed = among(filterOut);
  const denied = [...(listed ? [listed] : []), ...passed].reduce<Value | undefined>(
    (a, b) => (a ? or(g, a, b) : b),
    undefined,
  );
  const allowed = among(allow);
  const keep = denied && allowed ? and(g, not(g, denied), allowed) : denied ? not(g, denied) : allowed!;
  return [{ ...candidates, rows: narrowRows(g, step.id, candidates.rows, flat(g, keep)) }];
};

function refuseTexts(
  context: LowerContext,
  candidates: LoweredColumn,
  seen: readonly LoweredColumn[],
  names: readonly string[],
): void {
  const text = seen.findIndex(({ dtype, domain }) => dtype === "string" && !domain);
  if (text >= 0)
    context.fail(
      `the Bloom filters in \`${names[text]}\` are base64 texts, and no ONNX operator reads the bytes of a text`,
      `Freeze their view, send them as list<int64>, give lists of ids (\`deny\`), or ${KEEP}.`,
    );
  if (seen.length > 0 && candidates.dtype === "string")
    context.fail(
      "the candidates are texts, and no ONNX operator hashes a text",
      `Give it lists of ids (\`deny\`), or ${KEEP}.`,
    );
}

/**
 * bool[users, candidates]: which ids are in the user's list. Places without an item hold a number that is in no list; whether it is after all, is
 * looked up once a user.
 */
export function inList(g: GraphBuilder, ids: Value, list: LoweredColumn): Value {
  const items = isList(list)
    ? list
    : {
        ...list,
        values: unsqueeze(g, list.values, 1),
        width: 1,
        ...(list.valid && { valid: unsqueeze(g, list.valid, 1) }),
      };
  const present = presentItems(g, items);
  const wide = unsqueeze(g, ids, 2);
  if (!present) return any(g, equal(g, wide, unsqueeze(g, items.values, 1)), 2);
  if (ids.dtype !== "int64") {
    const met = and(g, equal(g, wide, unsqueeze(g, items.values, 1)), unsqueeze(g, present, 1));
    return any(g, met, 2);
  }
  const nobody = scalar(g, "int64", -(2n ** 63n));
  const padded = where(g, present, items.values, nobody);
  const met = any(g, equal(g, wide, unsqueeze(g, padded, 1)), 2);
  const really = cast(
    g,
    reduce(g, "ReduceMax", cast(g, and(g, present, equal(g, items.values, nobody)), "uint8"), 1, true),
    "bool",
  );
  return and(g, met, or(g, not(g, equal(g, ids, nobody)), really));
}
