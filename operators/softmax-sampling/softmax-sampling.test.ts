import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, context, grouped, prepare, scalars } from "../../tests/operators/step.js";

const step = (
  params: { topk?: number; temperature?: number; mode?: "sample" | "greedy"; seed?: number },
  id = "ordering",
) => ({
  id,
  params,
  inputs: { input: ["item_id"], relevance: ["score"] },
  outputs: [column("ordered_ids", "int64", { rows: id }), column("ordered_scores", "float32", { rows: id })],
});

async function sampler(params: Parameters<typeof step>[0], id?: string) {
  const kernel = await prepare("softmaxSampling", step(params, id));
  return (ids: readonly (readonly number[])[], scores: readonly (readonly (number | null)[])[], run = context()) => {
    const items = candidates("int64", ids, rootRows(ids.length));
    const made = kernel.run({ input: [items], relevance: [scalars("float32", scores.flat(), items.rows)] }, run);
    if (made instanceof Promise) throw new Error("sampling is synchronous");
    return { ids: grouped(made[0]!), scores: grouped(made[1]!) };
  };
}

describe("greedy", () => {
  test("by score, best first; ties by position; fewer candidates than k; no candidates", async () => {
    const sample = await sampler({ topk: 3, mode: "greedy" });
    expect(sample([[1, 2, 3, 4], [5], []], [[0.5, -1, 0.5, 9], [Number.NEGATIVE_INFINITY], []])).toEqual({
      ids: [[4n, 1n, 3n], [5n], []],
      scores: [[9, 0.5, 0.5], [Number.NEGATIVE_INFINITY], []],
    });
    expect(sample([], [])).toEqual({ ids: [], scores: [] });
  });
});

describe("randomness", () => {
  // Known answers of Random123, kat_vectors.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("philox4x32-10 of %j", (counter, key, words) => {
    expect(philox(counter, key)).toEqual(words);
  });
  test("the seed decides: the request's precedes the author's, the author's precedes the server's", async () => {
    const ids = [Array.from({ length: 50 }, (_, i) => i)];
    const scores = [ids[0]!.map(() => 0)];
    const open = await sampler({ topk: 10, temperature: 1 });
    const fixed = await sampler({ topk: 10, temperature: 1, seed: 5 });
    const requested = context(7n, new Map([["seed", 7n]]));
    expect(open(ids, scores, context(5n))).toEqual(fixed(ids, scores, context(99n)));
    expect(open(ids, scores, context(5n))).not.toEqual(open(ids, scores, context(6n)));
    expect(open(ids, scores, context(2n ** 40n + 5n))).not.toEqual(open(ids, scores, context(5n)));
    expect(fixed(ids, scores, requested)).toEqual(open(ids, scores, context(7n)));
    expect((await sampler({ topk: 10, temperature: 1 }, "other"))(ids, scores, context(5n))).not.toEqual(
      open(ids, scores, context(5n)),
    );
  });
});

test("faults name column, candidate and row", async () => {
  const sample = await sampler({});
  expect(() => sample([[1], [7, 8]], [[0], [0, null]])).toThrow(
    "column `score` has no score for candidate 1 (`item_id` 8) of row 1: it is NaN.",
  );
  const kernel = await prepare("softmaxSampling", step({}));
  const ids = candidates("int64", [[1]]);
  expect(() => kernel.run({ input: [scalars("int64", [1])], relevance: [scalars("float32", [1])] }, context())).toThrow(
    "column `item_id` holds no candidates",
  );
  expect(() => kernel.run({ input: [ids], relevance: [scalars("float32", [1, 2])] }, context())).toThrow(
    "column `score` has 2 rows and `item_id` 1.",
  );
});

/** Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011), as it is written there. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  const word = (x: bigint): bigint => BigInt.asUintN(32, x);
  let [c0, c1, c2, c3] = counter.map(x => word(BigInt(x))) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(x => word(BigInt(x))) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, word(p1), (p0 >> 32n) ^ c3 ^ k1, word(p0)];
    [k0, k1] = [word(k0 + 0x9e3779b9n), word(k1 + 0xbb67ae85n)];
  }
  return [c0, c1, c2, c3].map(Number);
}
