/** Candidates of several sources → those of all, each once, in the order of a method, within the bounds of each source. */
import { add, cast, concat, flat, gatherElements, int64, where } from "../../compiler/onnx/elementary.js";
import type { Value } from "../../compiler/onnx/graph-builder.js";
import { childRows, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";
import { fusedScores } from "./onnx-fuse.js";
import { placesOf, sourceOf } from "./onnx-places.js";
import { select } from "./onnx-select.js";
import { SOURCE_PORTS } from "./spec.js";

export const mergeCandidates: Lowering<"mergeCandidates"> = (step, inputs, context) => {
  const { g } = context;
  const { params } = step;
  if (params.sources.some(({ within }) => within !== undefined))
    context.fail("it leaves late sources out, and a graph has no clock", `Leave \`within\` out, or ${KEEP}.`);
  const sources = SOURCE_PORTS.flatMap(port => {
    const [ids, scores] = inputs[port] ?? [];
    return ids ? [sourceOf(g, ids, scores)] : [];
  });
  const places = placesOf(g, sources);
  const fused = fusedScores(g, places, params);
  const { at, width, mask, packed } = select(g, places, fused, params);
  const parent = sources[0]!.ids.rows.parent!;
  const rows = childRows(g, step.id, parent, width, { mask, packed });
  const made = (dtype: LoweredColumn["dtype"], values: Value): LoweredColumn => ({
    dtype,
    rows,
    values: flat(g, gatherElements(g, values, at, 1)),
  });
  const { dtype } = sources[0]!.ids;
  const domains = sources.map(({ ids }) => ids.domain);
  const ids: LoweredColumn = {
    ...made(
      dtype,
      concat(
        g,
        sources.map(source => source.grid),
        1,
      ),
    ),
    ...(domains.every(domain => domain) && { domain: new Set(domains.flatMap(domain => [...domain!])) }),
  };
  if (!params.keepSource) return [ids];
  const none = int64(g, 0);
  const bits = places.of.map(({ found }, s) => where(g, found, int64(g, 2 ** s), none)).reduce((a, b) => add(g, a, b));
  return [
    ids,
    made("int32", bits),
    ...(fused ? [made("float32", fused)] : []),
    ...places.of.flatMap(({ found, rank, score }) => [
      made("int32", where(g, found, rank, none)),
      ...(score ? [made("float32", cast(g, score, "float32"))] : []),
    ]),
  ];
};
