/**
 * Operators that make each output column from one input column: the shared half of their `infer`.
 */

import * as messages from "../../../compiler/diagnostics/messages.js";
import { type ColumnSchema, printType } from "../../../contract/schema.js";
import { TIME_UNIT } from "../../../contract/time-unit.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import type { Bound, Scope } from "./bound.js";
import type { Call } from "./define-op.js";

/** Applies `map` to every input column; a column that `map` refuses is reported by it. */
export function mapColumns<P>(
  call: Call<P>,
  map: (bound: Bound) => ColumnSchema | readonly ColumnSchema[] | undefined,
): { readonly params: P; readonly inputs: { readonly input: Scope }; readonly outputs: ColumnSchema[] } | undefined {
  const outputs = call.input.map(map);
  if (outputs.some(out => out === undefined)) return undefined;
  return { params: call.params, inputs: { input: call.input }, outputs: outputs.flatMap(out => out!) };
}

export const isNumber = (dtype: DType): boolean => ["int", "uint", "float"].includes(datatype(dtype).kind);

/** Reports a column that is no number; true when it is one. */
export function needNumber(call: Call<unknown>, operator: string, { column }: Bound): boolean {
  if (isNumber(column.dtype)) return true;
  call.fail(
    messages.schemaDtypeUnsupported({
      operator,
      wanted: "numbers",
      column: column.name,
      seen: printType(column),
      way: `Encode it first, \`>> categorify()\`, or leave it out: \`node - "${column.name}"\`.`,
    }),
  );
  return false;
}

const COLLIDING: Readonly<Record<string, readonly string[]>> = {
  categorical: ["continuous", "embedding"],
  continuous: ["categorical", "embedding", "id"],
  embedding: ["continuous", "categorical", "id"],
  id: ["continuous", "embedding"],
};

/** Tags that Merlin takes apart. */
export const COMPOUND_TAGS: Readonly<Record<string, readonly string[]>> = {
  user_id: ["user", "id"],
  item_id: ["item", "id"],
  session_id: ["session", "id"],
  text_tokenized: ["text", "tokenized"],
};

/** Each compound tag as its parts (`user_id` is `user` and `id`), in whichever case Merlin's tags are written. */
export function atomicTags(tags: readonly string[]): readonly string[] {
  const parts = tags.flatMap(tag => {
    const known = tag.toLowerCase();
    return Object.hasOwn(COMPOUND_TAGS, known) ? COMPOUND_TAGS[known]! : [tag];
  });
  return [...new Set(parts)];
}

/** The column with more tags. A new tag removes those it contradicts (`merlin` semantics of output tags). */
export function withTags(column: ColumnSchema, added: readonly string[]): ColumnSchema {
  const tags = atomicTags(added);
  const removed = new Set(tags.flatMap(tag => COLLIDING[tag] ?? []));
  return { ...column, tags: [...new Set([...column.tags.filter(tag => !removed.has(tag)), ...tags])] };
}

/** The column for an operator's output: numbers that are not times. */
export function numbersOf(column: ColumnSchema, dtype: DType): ColumnSchema {
  const { [TIME_UNIT]: _, ...properties } = column.properties;
  return { ...column, dtype, properties };
}

export const withProperties = (column: ColumnSchema, properties: ColumnSchema["properties"]): ColumnSchema => ({
  ...column,
  properties: { ...column.properties, ...properties },
});

/** Merlin's rule of thumb for the width of an embedding table: `min(512, max(16, round(1.6 · n^0.56)))`. */
export const embeddingDimension = (cardinality: number): number =>
  Math.min(512, Math.max(16, Math.round(1.6 * cardinality ** 0.56)));

/** Each input column, of numbers, as a continuous one of `outDtype`. */
export const scaleColumns = <P extends { readonly outDtype: DType }>(call: Call<P>, operator: string) =>
  mapColumns(call, bound =>
    needNumber(call, operator, bound)
      ? withTags(numbersOf(bound.column, call.params.outDtype), ["continuous"])
      : undefined,
  );
