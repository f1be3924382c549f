/** Feature engineering of random ensembles: what is known of a user, and which candidates a workflow leaves, each one of the ways there are. */
import fc from "fast-check";
import {
  addTags,
  bucketize,
  cached,
  clip,
  differenceLag,
  fillMissing,
  hashBucket,
  hashedCross,
  lambdaOp,
  listSlice,
  logOp,
  queryFeast,
  rename,
  transformWorkflow,
} from "#compiler/dsl/index.js";
import type { AnyNode } from "#compiler/dsl/node.js";
import { f } from "./random-functions.js";

/** The possible outputs about a user, beside the candidates. */
const FACTS = {
  raw: user => user.pick(["age", "city", "bought"]),
  home: user => user.pick("city").pipe(lambdaOp(f("home"), { name: "home", dtype: "string" })),
  bucket: user =>
    user
      .pick("city")
      .pipe(hashBucket(7))
      .pipe(rename({ name: "bucket" })),
  cross: user =>
    user
      .pick(["city", "age"])
      .pipe(hashedCross(11))
      .pipe(rename({ name: "cross" })),
  age: user =>
    user
      .pick("age")
      .pipe(fillMissing(18, { addBinaryColumns: true }))
      .pipe(rename({ prefix: "whole_" })),
  log: user =>
    user
      .pick("age")
      .pipe(clip({ max: 40 }))
      .pipe(logOp())
      .pipe(rename({ name: "log" })),
  band: user =>
    user
      .pick("age")
      .pipe(bucketize([20, 35, 40]))
      .pipe(rename({ name: "band" })),
  known: user => user.pipe(lambdaOp(f("known"), { name: "known" })),
  many: user => user.pick("bought").pipe(lambdaOp(f("many"), { name: "many", dtype: "int64" })),
  ends: user =>
    user
      .pick("bought")
      .pipe(listSlice(-2))
      .pipe(rename({ name: "ends" })),
  words: user =>
    user
      .pick("words")
      .pipe(listSlice(3, { pad: true, padValue: "none" }))
      .pipe(hashBucket(9))
      .pipe(rename({ name: "hashed" })),
  workflow: user => user.pipe(transformWorkflow("etl/lists")).pipe(rename({ prefix: "etl_" })),
} satisfies Record<string, (user: AnyNode) => AnyNode>;
type Fact = keyof typeof FACTS;

export interface FeatureChoice {
  /** The rule for an unknown user. */
  readonly unknown: "null" | "default" | "error";
  readonly facts: readonly Fact[];
  /** Candidates without a label, or without a price, go by a workflow that drops rows. */
  readonly kept: boolean;
  /** Scores take the difference to the price of the candidate before. */
  readonly lag: boolean;
}

export const ALL_FACTS = Object.keys(FACTS) as Fact[];
export const featureChoice = {
  unknown: fc.constantFrom("null", "default", "default", "error"),
  facts: fc.subarray(ALL_FACTS),
  kept: fc.boolean(),
  lag: fc.boolean(),
} as const;

const DEFAULTS = { age: { default: 40 }, city: { default: " Ghent" }, bought: { default: [7] } } as const;

/** @returns columns of the request's rows, or undefined if there are none */
export function userFacts({ unknown, facts, ...of }: FeatureChoice & { readonly cached: boolean }, request: AnyNode) {
  if (facts.length === 0) return undefined;
  const missing =
    unknown === "default" ? { age: DEFAULTS.age, city: DEFAULTS.city, purchased_ids: DEFAULTS.bought } : unknown;
  const read = queryFeast("features", { view: "user_features", onMissing: missing as "null" });
  const keep = of.cached ? cached(read as never, { ttlSeconds: 60, maxRows: 2 }) : read;
  const found: AnyNode = request.pick("user_id").pipe(keep as typeof read);
  const bought: AnyNode = found.pick("purchased_ids").pipe(rename({ name: "bought" }));
  const user: AnyNode = found.pick(["age", "city"]).plus(bought).plus(request.pick("words"));
  return facts.map(name => FACTS[name](user) as AnyNode).reduce((all, next) => all.plus(next));
}

/** @param items their `item_id` and `price`, which may be null @returns those that the workflow keeps */
export function keptItems(items: AnyNode): AnyNode {
  const label: AnyNode = items.pick("item_id").pipe(lambdaOp(f("label"), { name: "brand", dtype: "string" }));
  const kept: AnyNode = items.plus(label).pipe(transformWorkflow("etl/kept", { changesRows: true }));
  const id: AnyNode = kept.pick("item_id").pipe(addTags("item_id"));
  return id.plus(kept.pick("price"));
}

/** @returns one column of scores, on the rows of `pairs` */
export function lagScores(pairs: AnyNode): AnyNode {
  const level: AnyNode = pairs.pick("item_id").pipe(lambdaOp(f("level"), { name: "level", dtype: "int32" }));
  const lag: AnyNode = pairs.pick("price").pipe(differenceLag(level, { shift: 1 }));
  return lag.pipe(fillMissing(0)).pipe(rename({ name: "lag" }));
}
