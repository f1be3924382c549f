/**
 * Fakes of stores: a table for `queryFeast`, a few vectors or ids for `queryFaiss`.
 */
import type { StageFunction } from "../engine/schedule/stage-function.js";

type Value = number | bigint | string | boolean | null | readonly (number | bigint | string)[];
/** Features of entities, by the entity's key as text. */
export type FakeFeatures = Readonly<Record<string, Readonly<Record<string, Value>>>>;

/**
 * Features from a table. Names are those of the store or of the stage's columns. A missing entity has the stage's `onMissing` default, else
 * null.
 * @example createTestServer("model-repo", { stages: { user: fakeFeast({ 7: { age: 31, purchased_ids: [11, 12] } }) } })
 */
export const fakeFeast =
  (entities: FakeFeatures): StageFunction =>
  (columns, { outputs, params }) => {
    const keys = Array.from(Object.values(columns)[0] as ArrayLike<unknown>, String);
    const features = (params.features ?? {}) as Readonly<Record<string, string>>;
    const { onMissing } = params as { onMissing?: unknown };
    const missing = (list: unknown): Value =>
      list
        ? []
        : typeof onMissing === "object" && onMissing && "default" in onMissing
          ? (onMissing.default as Value)
          : null;
    return Object.fromEntries(
      outputs.map(({ name, list }) => {
        if (columns[name] && !Object.hasOwn(features, name)) return [name, columns[name]];
        const values = keys.map(key => {
          const entity = entities[key];
          return entity?.[name] ?? entity?.[features[name] ?? name] ?? missing(list);
        });
        return [name, values];
      }),
    );
  };

/** Numbers, or, where the index answers texts, texts. */
export type FakeHits = readonly (number | bigint | string)[];
export type FakeIndex =
  | { readonly ids: FakeHits | ((query: Float32Array, row: number) => FakeHits) }
  | { readonly vectors: Readonly<Record<string, readonly number[]>> };

/**
 * An index that returns at most `topk` ids: the same for every query, a function's, or the nearest by inner product of a few vectors.
 * @example createTestServer("model-repo", { stages: { retrieval: fakeFaiss({ ids: [11, 12, 13] }) } })
 */
export const fakeFaiss =
  (index: FakeIndex): StageFunction =>
  (columns, { outputs, params }) => {
    const queries = Object.values(columns)[0] as readonly Float32Array[];
    const topk = Number(params.topk ?? Number.POSITIVE_INFINITY);
    const [ids, scores] = outputs;
    const read = ids!.dtype === "string" ? String : BigInt;
    const hits = Array.from(queries, (query, row) => find(index, query, row).slice(0, topk));
    return {
      [ids!.name]: hits.map(list => list.map(([id]) => read(id))),
      ...(scores && { [scores.name]: hits.map(list => list.map(([, score]) => score)) }),
    };
  };

function find(index: FakeIndex, query: Float32Array, row: number): readonly (readonly [FakeHits[number], number])[] {
  if ("ids" in index) {
    const found = typeof index.ids === "function" ? index.ids(query, row) : index.ids;
    return found.map((id, i) => [id, 1 / (i + 1)] as const);
  }
  return Object.entries(index.vectors)
    .map(([id, vector]) => [id, vector.reduce((sum, value, i) => sum + value * (query[i] ?? 0), 0)] as const)
    .toSorted((a, b) => b[1] - a[1]);
}
