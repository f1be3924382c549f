/** Ragged columns by one name: the pair of inputs `c__values` and `c__offsets` that carries them, and lists in its place. */

import type { ModelMetadata } from "../../runtime/client/index.js";
import { ragged } from "../../runtime/client/ragged.js";
import type { WireType } from "../../triton-protos/datatype.js";

type Inputs = ModelMetadata["inputs"];

/** Columns that travel as a pair → datatype of their values. */
export function pairsOf(inputs: Inputs): ReadonlyMap<string, string> {
  const there = new Set(inputs.map(({ name }) => name));
  return new Map(
    inputs.flatMap(({ name, datatype }) => {
      const column = /^(.+)__values$/.exec(name)?.[1];
      return column !== undefined && there.has(`${column}__offsets`) ? [[column, datatype] as const] : [];
    }),
  );
}

/** The column that a tensor carries half of, where the other half is there too. */
export function halfOf(name: string, tensors: readonly { readonly name: string }[]): string | undefined {
  const column = /^(.+)__(?:values|offsets)$/.exec(name)?.[1];
  const isPair = ["values", "offsets"].every(half => tensors.some(tensor => tensor.name === `${column}__${half}`));
  return isPair ? column : undefined;
}

/** Lists that are given under a column's own name become its pair; a single list is the one row. */
export function withPairs(given: Readonly<Record<string, unknown>>, inputs: Inputs): Record<string, unknown> {
  const pairs = pairsOf(inputs);
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const datatype = inputs.some(input => input.name === name) ? undefined : pairs.get(name);
    if (datatype === undefined || !Array.isArray(value)) found[name] = value;
    else
      Object.assign(
        found,
        ragged(name, datatype as WireType, value.length > 0 && !value.some(Array.isArray) ? [value] : value),
      );
  }
  return found;
}
