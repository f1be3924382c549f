/** A model's metadata → a request to fill in. */
import type { ModelMetadata } from "../../runtime/client/index.js";
import { pairsOf } from "./pairs.js";

const SAMPLE: Readonly<Record<string, unknown>> = { BOOL: false, BYTES: "" };

/** Sizes that may be any are 1; a ragged column is one list with one item. */
export function template({ inputs }: ModelMetadata): Record<string, unknown> {
  const nest = (dims: readonly number[], item: unknown): unknown => {
    const [size = 1, ...rest] = dims;
    if (dims.length === 0) return item;
    return Array.from({ length: size < 0 ? 1 : size }, () => nest(rest, item));
  };
  const pairs = pairsOf(inputs);
  return Object.fromEntries(
    inputs.flatMap(({ name, datatype, shape }) => {
      const [, column = "", part] = /^(.+)__(values|offsets)$/.exec(name) ?? [];
      const item = SAMPLE[datatype] ?? 0;
      if (!pairs.has(column)) return [[name, nest(shape.map(Number), item)] as const];
      return part === "values" ? [[column, [[item]]] as const] : [];
    }),
  );
}
