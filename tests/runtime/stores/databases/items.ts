/** Items with hostile attributes, random filters over them, and the hits of an exact search: the reference of every vector database. */
import fc from "fast-check";
import { type Filter, holds, type Scalar } from "#contract/vector-filter/filter.js";
import type { Found, VectorQuery, VectorRows } from "#runtime/stores/databases/vector-database.js";

export const DIMENSION = 8;
export const ATTRIBUTES = { stock: "int32", price: "float64", country: "string", adult: "bool" } as const;

/** Texts that would end a literal, or mean something, in some language of filters. */
export const HOSTILE = [
  "",
  "de",
  "O'Reilly",
  'a"b',
  "back\\slash\\",
  "' OR 1=1 --",
  '" or true or "',
  "{1,2}",
  "$1",
  "%_",
  "} ] )",
  ".stock > 0",
  "🙂 ü\n\t",
  "*",
  "NULL",
];

export const draw = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

export interface Item {
  readonly id: bigint;
  readonly vector: Float32Array;
  readonly attributes: Readonly<Record<keyof typeof ATTRIBUTES, Scalar | undefined>>;
}

const unit = (random: () => number, dimension: number): Float32Array => {
  const vector = Float32Array.from({ length: dimension }, () => random() - 0.5);
  const length = Math.hypot(...vector);
  return vector.map(x => x / length);
};

export function makeItems(count: number, seed = 1, dimension = DIMENSION): Item[] {
  const random = draw(seed);
  const maybe = <T>(value: T): T | undefined => (random() < 0.1 ? undefined : value);
  return Array.from({ length: count }, (_, i) => ({
    id: 2n ** 60n + BigInt(7 * i),
    vector: unit(random, dimension),
    attributes: {
      stock: maybe(BigInt(Math.floor(random() * 1000)) - 1n),
      price: maybe(Math.round(random() * 1000) / 8),
      country: maybe(HOSTILE[Math.floor(random() * HOSTILE.length)]!),
      adult: maybe(random() < 0.5),
    },
  }));
}

export const makeQueries = (count: number, seed = 2, dimension = DIMENSION): Float32Array[] => {
  const random = draw(seed);
  return Array.from({ length: count }, () => unit(random, dimension));
};

export const rowsOf = (items: readonly Item[], dimension = DIMENSION): VectorRows => {
  const vectors = new Float32Array(items.length * dimension);
  items.forEach(({ vector }, i) => {
    vectors.set(vector, i * dimension);
  });
  return {
    ids: items.map(({ id }) => id),
    vectors,
    attributes: new Map(
      Object.keys(ATTRIBUTES).map(name => [name, items.map(({ attributes }) => attributes[name as "stock"])]),
    ),
  };
};

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Ids and cosines of an exact search. Vectors have length 1. */
export function exactly(items: readonly Item[], { vector, k, filter }: VectorQuery): { id: bigint; score: number }[] {
  return items
    .filter(({ attributes }) => holds(filter, attributes))
    .map(item => ({ id: item.id, score: cosine(item.vector, vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

/** Part of the exact hits that were found; a hit as near as the last counts. */
export function recall(items: readonly Item[], queries: readonly VectorQuery[], found: readonly Found[]): number {
  let [hit, all] = [0, 0];
  queries.forEach((query, i) => {
    const wanted = exactly(items, query);
    const ids = new Set(found[i]!.ids as BigInt64Array);
    all += wanted.length;
    hit += wanted.filter(({ id }) => ids.has(id)).length;
  });
  return all === 0 ? 1 : hit / all;
}

const text = fc.constantFrom(...HOSTILE, "unknown");
const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({ attribute: fc.constantFrom(...Object.keys(ATTRIBUTES)), missing: fc.boolean() }),
  fc.record({
    attribute: fc.constant("stock"),
    is: fc.constantFrom("<", "<=", ">", ">=", "=", "!="),
    value: fc.constantFrom<bigint[]>(-1n, 0n, 17n, 500n, 2n ** 62n, -(2n ** 63n)),
  }),
  fc.record({
    attribute: fc.constant("price"),
    is: fc.constantFrom("<", "<=", ">", ">=", "=", "!="),
    value: fc.constantFrom(0, 2.125, 50, -1, 1e300, 0.1),
  }),
  fc.record({ attribute: fc.constant("country"), is: fc.constantFrom("=", "!="), value: text }),
  fc.record({ attribute: fc.constant("adult"), is: fc.constantFrom("=", "!="), value: fc.boolean() }),
  fc.record({
    attribute: fc.constant("country"),
    among: fc.array(text, { minLength: 1, maxLength: 4 }),
    negated: fc.boolean(),
  }),
  fc.record({
    attribute: fc.constant("stock"),
    among: fc.array(fc.constantFrom(0n, 3n, 900n), { minLength: 1, maxLength: 3 }),
    negated: fc.boolean(),
  }),
) as fc.Arbitrary<Filter>;

export const textLeaf: fc.Arbitrary<Filter> = fc.record({
  attribute: fc.constant("country"),
  text: fc.constantFrom("startsWith", "endsWith", "includes"),
  value: fc.constantFrom("", "O'", '"', "\\", "%", "1", "🙂", "d", "*"),
  negated: fc.boolean(),
}) as fc.Arbitrary<Filter>;

/** Texts of characters and words that a language of filters reads, as a user's columns may have them. */
export const hostileTexts: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(
    ..."\"'`\\\n\r\t\b%_{}()[]$,;*?#\u2028\u0001ü",
    " or ",
    "true",
    "||",
    "--",
    "\\u0022",
    "🙂",
    "de",
  ),
  maxLength: 10,
});

/** @param more leaves that the database has beside those of all */
export const filters = (...more: fc.Arbitrary<Filter>[]): fc.Arbitrary<Filter> =>
  fc.letrec<{ filter: Filter }>(tie => ({
    filter: fc.oneof(
      { depthSize: "small" },
      leaf,
      ...more,
      fc.array(tie("filter"), { minLength: 2, maxLength: 3 }).map(all => ({ all })),
      fc.array(tie("filter"), { minLength: 2, maxLength: 3 }).map(any => ({ any })),
    ),
  })).filter;
