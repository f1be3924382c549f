import {
  $chain,
  $minus,
  $pick,
  $plus,
  bucketize,
  categorify,
  clip,
  epsilonGreedy,
  explode,
  fillMedian,
  fillMissing,
  hashBucket,
  listSlice,
  logOp,
  mergeCandidates,
  type Node,
  normalize,
  normalizeMinMax,
  queryFaiss,
  queryFeast,
  rename,
  shadow,
  softmaxSampling,
  source,
  split,
  topK,
  unrollFeatures,
} from "merlon";
import { describe, expect, test } from "tstyche";

declare const columnsOf: <C extends string, A extends string>(node: Node<C, A>) => C;

const events = source({ user_id: "int64", brand: "string", price: "float32", seen: "list<int64>" });
const price = $pick(events, "price");

describe("columns are a union of strings, dtype first", () => {
  test("a source declares them", () => {
    expect(columnsOf(events)).type.toBe<"int64 user_id" | "string brand" | "float32 price" | "list<int64> seen">();
  });

  test("[] keeps the named ones", () => {
    expect(columnsOf($pick(events, ["price", "brand"]))).type.toBe<"float32 price" | "string brand">();
    expect(columnsOf(events.pick("price"))).type.toBe<"float32 price">();
  });

  test("+ puts them side by side, - takes them away", () => {
    expect(columnsOf($plus(price, $pick(events, "brand")))).type.toBe<"float32 price" | "string brand">();
    expect(columnsOf($minus($minus(events, "seen"), ["brand"]))).type.toBe<"int64 user_id" | "float32 price">();
    expect(columnsOf($minus(events, price))).type.toBe<"int64 user_id" | "string brand" | "list<int64> seen">();
  });

  test("plain arithmetic stays plain", () => {
    expect($plus(1, 2)).type.toBe<number>();
    expect($plus("a", "b")).type.toBe<string>();
  });
});

describe("operators say what they do to columns", () => {
  test("dtype by dtype", () => {
    expect(columnsOf($chain(price, clip({ min: 0 })))).type.toBe<"float32 price">();
    expect(columnsOf($chain(price, normalize()))).type.toBe<"float64 price">();
    expect(columnsOf($chain(price, normalize({ outDtype: "float32" })))).type.toBe<"float32 price">();
    expect(columnsOf($chain($pick(events, ["brand", "seen"]), categorify()))).type.toBe<
      "int64 brand" | "list<int64> seen"
    >();
    expect(columnsOf($chain($pick(events, "brand"), hashBucket(10)))).type.toBe<"int32 brand">();
    expect(columnsOf($chain(price, normalizeMinMax()))).type.toBe<"float64 price">();
    expect(columnsOf($chain(price, fillMedian({ addBinaryColumns: true })))).type.toBe<
      "float32 price" | "bool price_filled"
    >();
    expect(columnsOf($chain(price, bucketize([1, 2])))).type.toBe<"int32 price">();
    expect(columnsOf($chain($pick(events, "seen"), listSlice(3)))).type.toBe<"list<int64> seen">();
    expect(columnsOf($chain($pick(events, "seen"), listSlice(-3, { pad: true })))).type.toBe<`int64[${number}] seen`>();
    expect(columnsOf($chain(price, fillMissing(0, { addBinaryColumns: true })))).type.toBe<
      "float32 price" | "bool price_filled"
    >();
    expect(columnsOf($chain(price, rename({ name: "cost" })))).type.toBe<"float32 cost">();
    expect(columnsOf($chain($pick(events, ["price", "brand"]), rename({ prefix: "item_" })))).type.toBe<
      "float32 item_price" | "string item_brand"
    >();
  });

  test("the method form follows the same rules", () => {
    expect(columnsOf(price.pipe(clip({ min: 0 })).pipe(logOp()))).type.toBe<"float32 price">();
    expect(columnsOf(price.plus(events.pick("brand")))).type.toBe<"float32 price" | "string brand">();
    const brand = events.pick("brand").pipe(hashBucket(10));
    expect(columnsOf(events.plus(brand, { wins: "right" }))).type.toBe<
      "int64 user_id" | "int32 brand" | "float32 price" | "list<int64> seen"
    >();
    expect(columnsOf(events.minus("seen").minus("brand"))).type.toBe<"int64 user_id" | "float32 price">();
  });

  test("lists beside the candidates", () => {
    const user = source({ ids: "list<int64>", scores: "list<float32>", ranks: "int32[3]" });
    const found = $chain($pick(user, "ids"), explode({ name: "item_id", with: $pick(user, ["scores", "ranks"]) }));
    expect(columnsOf(found)).type.toBe<"int64 item_id" | "float32 scores" | "int32 ranks">();
    expect(columnsOf($chain($pick(user, "ids"), explode()))).type.toBe<"int64 candidate_ids">();
  });

  test("candidates of several sources", () => {
    const user = source({ vector: "float32[4]", ids: "list<int64>", scores: "list<float64>", skus: "list<string>" });
    const near = $chain($pick(user, "vector"), queryFaiss("items.faiss", { topk: 5, includeDistances: true }));
    const popular = $chain($pick(user, "ids"), explode());
    const scored = $chain($pick(user, "ids"), explode({ name: "item", with: $pick(user, "scores") }));
    const skus = $chain($pick(user, "skus"), explode());
    expect(columnsOf($chain(near, mergeCandidates(popular)))).type.toBe<"int64 candidate_ids">();
    expect(
      columnsOf($chain(near, mergeCandidates([popular, scored], { name: "item_id" }))),
    ).type.toBe<"int64 item_id">();
    const kept = mergeCandidates(popular, scored, {
      method: "rrf",
      names: ["near", "popular", "own"],
      keepSource: true,
    });
    expect(columnsOf($chain(near, kept))).type.toBe<
      | "int64 candidate_ids"
      | "int32 source"
      | "float32 scores"
      | "int32 near_rank"
      | "float32 near_score"
      | "int32 popular_rank"
      | "int32 own_rank"
      | "float32 own_score"
    >();
    expect(columnsOf($chain(near, mergeCandidates(popular, { keepSource: true })))).type.toBe<
      "int64 candidate_ids" | "int32 source" | "int32 source1_rank" | "float32 source1_score" | "int32 source2_rank"
    >();
    expect($chain).type.not.toBeCallableWith(near, mergeCandidates(skus));
    expect(columnsOf($chain(skus, mergeCandidates(skus)))).type.toBe<"string candidate_ids">();
  });

  test("candidates and their order", () => {
    const query = source({ vector: "float32[4]" });
    const candidates = $chain(query, queryFaiss("items.faiss", { topk: 5, includeDistances: true }));
    expect(columnsOf(candidates)).type.toBe<"int64 candidate_ids" | "float32 candidate_distances">();
    const ids = $pick(candidates, "candidate_ids");
    expect(columnsOf($chain(ids, unrollFeatures("candidate_ids", price, { prefix: "user" })))).type.toBe<
      "int64 candidate_ids" | "float32 user_price"
    >();
    expect(columnsOf($chain(ids, softmaxSampling($pick(candidates, "candidate_distances"))))).type.toBe<
      "int64 ordered_ids" | "float32 ordered_scores"
    >();
  });

  test("an order has propensities if the option is written", () => {
    const query = source({ vector: "float32[4]" });
    const candidates = $chain(query, queryFaiss("items.faiss", { topk: 5, includeDistances: true }));
    const ids = $pick(candidates, "candidate_ids");
    const distances = $pick(candidates, "candidate_distances");
    expect(columnsOf($chain(ids, softmaxSampling(distances, { topk: 2, propensity: true })))).type.toBe<
      "int64 ordered_ids" | "float32 ordered_scores" | "float64 propensity" | "float64 list_propensity"
    >();
    const best = $chain(ids, topK(distances, { propensity: true }));
    expect(columnsOf($pick(best, "list_propensity"))).type.toBe<"float64 list_propensity">();
    expect(
      columnsOf($pick($chain(ids, epsilonGreedy(distances, { propensity: true })), "propensity")),
    ).type.toBe<"float64 propensity">();
    expect(epsilonGreedy).type.not.toBeCallableWith(distances, { per: "item" });
    for (const plain of [topK(distances, { propensity: false }), topK(distances, { topk: 2 }), topK(distances, {})])
      expect(columnsOf($chain(ids, plain))).type.toBe<"int64 ordered_ids" | "float32 ordered_scores">();
    expect(softmaxSampling).type.not.toBeCallableWith(distances, { propensity: 1 });
    expect(topK).type.not.toBeCallableWith(distances, { propensities: true });
  });

  test("an artefact's columns are open", () => {
    expect(columnsOf($chain(events, queryFeast("features", { view: "v" })))).type.toBe<string>();
  });
});

describe("a wrong operand has a sentence for a type", () => {
  test("left of >>", () => {
    expect($chain).type.not.toBeCallableWith(5, logOp());
    $chain(
      // @ts-expect-error "left of >> must be a node: start from source({ ... }) or a list of its columns"
      5,
      logOp(),
    );
  });

  test("right of >>", () => {
    $chain(
      price,
      // @ts-expect-error "right of >> must be an operator, such as clip({ min: 0 })"
      logOp,
    );
  });

  test("text where numbers are meant", () => {
    $chain(
      events,
      // @ts-expect-error clip works on numbers, but \"string brand\" is text
      clip({ min: 0 }),
    );
  });

  test("a column that is not there", () => {
    $pick(
      events,
      // @ts-expect-error no column \"prise\"
      "prise",
    );
  });

  test("a column that both sides have", () => {
    $plus(
      $chain(price, normalize()),
      // @ts-expect-error both sides of + provide \"price\": drop or rename one
      price,
    );
  });

  test("a shadow without a column of the response", () => {
    const candidates = $chain($pick(events, "seen"), explode());
    expect(columnsOf($chain(candidates, shadow(candidates, { rate: 0.5 })))).type.toBe<"int64 candidate_ids">();
    $chain(
      candidates,
      // @ts-expect-error the shadow needs column \"int64 candidate_ids\", which nothing upstream provides
      shadow($chain(candidates, rename({ name: "item" }))),
    );
    // @ts-expect-error Object literal may only specify known properties
    shadow(candidates, { share: 0.5 });
  });

  test("an arm without a column that another arm has", () => {
    const candidates = $chain($pick(events, "seen"), explode());
    const renamed = $chain(candidates, rename({ name: "item" }));
    expect(
      columnsOf($chain($pick(events, "user_id"), split({ a: candidates, b: candidates }))),
    ).type.toBe<"int64 candidate_ids">();
    split({
      // @ts-expect-error arm \"a\" lacks \"int64 item\", which another arm has
      a: candidates,
      // @ts-expect-error arm \"b\" lacks \"int64 candidate_ids\", which another arm has
      b: renamed,
    });
    split(
      { a: candidates, b: candidates },
      {
        guardrail: {
          errorRate: 0.02,
          // @ts-expect-error Object literal may only specify known properties
          p99: 50,
        },
      },
    );
    split(
      { a: candidates, b: candidates },
      {
        weights: {
          // @ts-expect-error Object literal may only specify known properties
          c: 0.5,
        },
      },
    );
  });
});
