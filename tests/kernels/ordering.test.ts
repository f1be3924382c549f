import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { candidates, column, context, grouped, type Item, plain, prepare, scalars, vectors } from "./step.js";

type Ordering = "topK" | "limitPerGroup" | "diversify";
type Extra = { readonly group?: readonly (readonly Item[])[]; readonly embedding?: readonly (readonly number[][])[] };

/** Orders candidates by an operator; one list per user. */
async function order<K extends Ordering>(
  op: K,
  params: OpParamsInput[K],
  ids: readonly (readonly number[])[],
  scores: readonly (readonly (number | null)[])[],
  { group, embedding }: Extra = {},
) {
  const kernel = await prepare(op, {
    params,
    inputs: {
      input: ["item_id"],
      relevance: ["score"],
      ...(group && { group: ["brand"] }),
      ...(embedding && { embedding: ["vector"] }),
    },
    outputs: [column("ordered_ids", "int64", { rows: "s1" }), column("ordered_scores", "float32", { rows: "s1" })],
  });
  const items = candidates("int64", ids);
  const width = embedding?.flat()[0]?.length ?? 1;
  const made = await kernel.run(
    {
      input: [items],
      relevance: [scalars("float32", scores.flat(), items.rows)],
      ...(group && { group: [scalars("string", group.flat(), items.rows)] }),
      ...(embedding && { embedding: [vectors("float32", embedding.flat(), width, items.rows)] }),
    },
    context(),
  );
  return grouped(made[0]!).map(list => list.map(Number));
}

describe.each(["topK", "limitPerGroup", "diversify"] as const)("%s at the edge", op => {
  const { POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
  /** Groups and vectors that leave the order to the scores. */
  const ask = (ids: number[][], scores: (number | null)[][], topk: number) =>
    order(op, { topk, ...(op === "diversify" && { balance: 1 }) } as never, ids, scores, {
      ...(op === "limitPerGroup" && { group: ids.map(list => list.map(String)) }),
      ...(op === "diversify" && { embedding: ids.map(list => list.map(() => [1, 0])) }),
    });
  test("no candidates, fewer than k, doubles", async () => {
    expect(await ask([[], []], [[], []], 3)).toEqual([[], []]);
    expect(await ask([[], [4]], [[], [1]], 1000)).toEqual([[], [4]]);
    expect(await ask([[5, 5, 6]], [[1, 3, 2]], 9)).toEqual([[5, 6, 5]]);
  });
  test("NaN names the candidate and its user; an infinite score comes first or last, or can't be weighed", async () => {
    await expect(ask([[1], [7, 8]], [[1], [1, null]], 2)).rejects.toThrow(
      "column `score` has no score for candidate 1 (`item_id` 8) of row 1",
    );
    const infinite = ask([[1, 2, 3]], [[least, 0, most]], 3);
    if (op === "diversify")
      await expect(infinite).rejects.toThrow("column `score` holds -Infinity for candidate 0 (`item_id` 1) of row 0");
    else expect(await infinite).toEqual([[3, 2, 1]]);
  });
});

describe("topK", () => {
  test("best first, ties by position, users apart, fewer than k, none", async () => {
    expect(await order("topK", { topk: 2 }, [[1, 2, 3], [4], []], [[0.5, 2, 0.5], [-1], []])).toEqual([
      [2, 1],
      [4],
      [],
    ]);
  });
  test("a missing score names the candidate and its user", async () => {
    await expect(order("topK", {}, [[1], [7, 8]], [[1], [1, null]])).rejects.toThrow(
      "column `score` has no score for candidate 1 (`item_id` 8) of row 1",
    );
  });
});

describe("limitPerGroup", () => {
  const ids = [[1, 2, 3, 4, 5]];
  const scores = [[5, 4, 3, 2, 1]];
  const group = [["a", "a", "a", "b", "c"]];
  test.each([
    [{ topk: 3 }, [1, 2, 3]],
    [{ topk: 3, max: 1 }, [1, 4, 5]],
    [{ topk: 4, max: 2 }, [1, 2, 4, 5]],
    [{ topk: 3, atLeast: { c: 1 } }, [1, 2, 5]],
    [{ topk: 3, max: 1, atLeast: { c: 1, b: 1 } }, [1, 4, 5]],
    // A group with fewer candidates than places gives the rest back.
    [{ topk: 3, atLeast: { c: 2 } }, [1, 2, 5]],
    [{ topk: 2, atLeast: { z: 2 } }, [1, 2]],
  ] as const)("%j", async (params, expected) => {
    expect(await order("limitPerGroup", params, ids, scores, { group })).toEqual([expected]);
  });
  test("candidates without a group have no cap, users have caps of their own", async () => {
    expect(
      await order(
        "limitPerGroup",
        { topk: 3, max: 1 },
        [
          [1, 2, 3],
          [4, 5],
        ],
        [
          [1, 2, 3],
          [1, 2],
        ],
        {
          group: [
            [null, null, "a"],
            ["a", "a"],
          ],
        },
      ),
    ).toEqual([[3, 2, 1], [5]]);
  });
  test("the answer is the best that caps and places allow", async () => {
    const candidate = fc.record({ score: fc.integer({ min: 0, max: 1000 }), group: fc.constantFrom("a", "b", "c") });
    await fc.assert(
      fc.asyncProperty(
        fc.array(candidate, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 1 }),
        async (pool, topk, max, places) => {
          const params = { topk, max, ...(places && { atLeast: { c: 1 } }) };
          const [chosen] = await order("limitPerGroup", params, [pool.map((_, i) => i)], [pool.map(p => p.score)], {
            group: [pool.map(p => p.group)],
          });
          // Every set that keeps the rules, tried one by one.
          const hasC = pool.some(p => p.group === "c");
          let best = -1;
          for (let set = 0; set < 1 << pool.length; set++) {
            const members = pool.filter((_, i) => set & (1 << i));
            if (members.length > topk) continue;
            if (["a", "b", "c"].some(g => members.filter(m => m.group === g).length > max)) continue;
            if (places && hasC && !members.some(m => m.group === "c")) continue;
            // More candidates first, then a larger sum.
            best = Math.max(best, members.length * 1e6 + members.reduce((sum, m) => sum + m.score, 0));
          }
          expect(chosen!.length * 1e6 + chosen!.reduce((sum, i) => sum + pool[i]!.score, 0)).toBe(best);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const unit = (v: readonly number[]) => {
  const length = Math.hypot(...v);
  return length > 0 ? v.map(x => x / length) : v;
};
const cosine = (a: readonly number[], b: readonly number[]) => {
  const [x, y] = [unit(a), unit(b)];
  return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
};
const scaled = (scores: readonly number[]) => {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return scores.map(s => (high > low ? (s - low) / (high - low) : 0));
};

const pool = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 64 }),
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 7,
    },
  )
  .filter(items => items.every(([, v]) => Math.hypot(...v) > 0));

describe("diversify", () => {
  test("MMR by its formula, written out", async () => {
    await fc.assert(
      fc.asyncProperty(pool, fc.constantFrom(0, 0.3, 0.7, 1), async (items, balance) => {
        const [chosen] = await order(
          "diversify",
          { topk: 4, balance },
          [items.map((_, i) => i)],
          [items.map(([s]) => s)],
          { embedding: [items.map(([, v]) => v)] },
        );
        const relevance = scaled(items.map(([s]) => s));
        const value = (i: number, taken: readonly number[]) =>
          balance * relevance[i]! -
          (taken.length ? (1 - balance) * Math.max(...taken.map(j => cosine(items[i]![1], items[j]![1]))) : 0);
        expect(chosen).toHaveLength(Math.min(4, items.length));
        for (let n = 0; n < chosen!.length; n++) {
          const taken = chosen!.slice(0, n);
          const best = Math.max(...items.map((_, i) => (taken.includes(i) ? -Infinity : value(i, taken))));
          expect(value(chosen![n]!, taken)).toBeCloseTo(best, 5);
        }
      }),
      { numRuns: 60 },
    );
  });
  test("DPP: each step takes what makes the determinant largest", async () => {
    await fc.assert(
      fc.asyncProperty(pool, fc.constantFrom(0, 0.4, 0.7), async (items, balance) => {
        const [chosen] = await order(
          "diversify",
          { topk: 3, balance, method: "dpp" },
          [items.map((_, i) => i)],
          [items.map(([s]) => s)],
          { embedding: [items.map(([, v]) => v)] },
        );
        const quality = scaled(items.map(([s]) => s)).map(r => Math.exp((balance / (2 * (1 - balance))) * r));
        const det = (set: readonly number[]) =>
          determinant(
            set.map(i =>
              set.map(j => quality[i]! * quality[j]! * (i === j ? 1 : (1 + cosine(items[i]![1], items[j]![1])) / 2)),
            ),
          );
        for (let n = 0; n < chosen!.length; n++) {
          const taken = chosen!.slice(0, n);
          const best = Math.max(...items.map((_, i) => (taken.includes(i) ? -Infinity : det([...taken, i]))));
          expect(det([...taken, chosen![n]!])).toBeCloseTo(best, 5);
        }
      }),
      { numRuns: 60 },
    );
  });
  test("twins are kept apart", async () => {
    const embedding = [
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    ];
    for (const method of ["mmr", "dpp"] as const)
      expect(
        await order("diversify", { topk: 2, method, balance: 0.5 }, [[1, 2, 3]], [[3, 2.9, 2]], { embedding }),
      ).toEqual([[1, 3]]);
  });
  test("a vector that is not finite, and a score that is not, are named", async () => {
    await expect(order("diversify", {}, [[7]], [[1]], { embedding: [[[Number.NaN, 0]]] })).rejects.toThrow(
      "column `vector` has no finite vector for candidate 0 (`item_id` 7) of row 0",
    );
    await expect(
      order("diversify", {}, [[7, 8]], [[1, Number.POSITIVE_INFINITY]], {
        embedding: [
          [
            [1, 0],
            [0, 1],
          ],
        ],
      }),
    ).rejects.toThrow(
      "column `score` holds Infinity for candidate 1 (`item_id` 8) of row 0, which can't be weighed against likeness",
    );
  });
});

/** By expansion along the first row. */
function determinant(m: readonly (readonly number[])[]): number {
  if (m.length === 0) return 1;
  return m[0]!.reduce(
    (sum, value, i) =>
      sum + (i % 2 ? -1 : 1) * value * determinant(m.slice(1).map(row => row.filter((_, j) => j !== i))),
    0,
  );
}

describe("mixScores", () => {
  const mix = async (params: OpParamsInput["mixScores"], columns: readonly (readonly (readonly number[])[])[]) => {
    const names = Object.keys(params.weights);
    const kernel = await prepare("mixScores", {
      params,
      inputs: { input: names },
      outputs: [column("mixed_score", "float32", { rows: "items" })],
    });
    const { rows } = candidates("float32", columns[0]!);
    const made = await kernel.run({ input: columns.map(c => scalars("float32", c.flat(), rows)) }, context());
    return plain(made[0]!);
  };
  test.each([
    ["none", [0.5 * 1 + 2 * 10, 0.5 * 3 + 2 * 20, 0.5 * 5 + 2 * 30, 0.5 * 7 + 2 * 40]],
    // By user: the first has two candidates, the second two.
    ["minMax", [0, 2.5, 0, 2.5]],
    ["standard", [-2.5, 2.5, -2.5, 2.5]],
    ["rank", [0, 2.5, 0, 2.5]],
  ] as const)("%s", async (scale, expected) => {
    expect(
      await mix({ weights: { a: 0.5, b: 2 }, scale }, [
        [
          [1, 3],
          [5, 7],
        ],
        [
          [10, 20],
          [30, 40],
        ],
      ]),
    ).toEqual(expected);
  });
  test("equal scores scale to nothing, and share a rank", async () => {
    expect(await mix({ weights: { a: 1 }, scale: "minMax" }, [[[2, 2]]])).toEqual([0, 0]);
    expect(await mix({ weights: { a: 1 }, scale: "rank" }, [[[2, 2, 1]]])).toEqual([1, 1, 0]);
  });
  test("an infinite score has no place on a scale of distances, and one of ranks", async () => {
    for (const scale of ["minMax", "standard"] as const)
      await expect(mix({ weights: { a: 1 }, scale }, [[[1, 2, Number.NEGATIVE_INFINITY]]])).rejects.toThrow(
        `column \`a\` holds -Infinity for candidate 2 of row 0, which has no place on the scale \`${scale}\`.`,
      );
    expect(await mix({ weights: { a: 1 }, scale: "rank" }, [[[1, 2, Number.NEGATIVE_INFINITY]]])).toEqual([0.5, 1, 0]);
    expect(await mix({ weights: { a: 1 } }, [[[1, Number.POSITIVE_INFINITY]]])).toEqual([1, Number.POSITIVE_INFINITY]);
    const both = [[[1, Number.POSITIVE_INFINITY]], [[1, Number.NEGATIVE_INFINITY]]];
    await expect(mix({ weights: { a: 1, b: 1 } }, both)).rejects.toThrow(
      "scores of candidate 1 of row 0 are infinite, and their weighted sum (a, b) is no number. Clip scores before.",
    );
  });
  test("users without candidates", async () => {
    for (const scale of ["none", "minMax", "standard", "rank"] as const)
      expect(await mix({ weights: { a: 1 }, scale }, [[[], [3], []]])).toEqual([
        scale === "none" ? 3 : scale === "rank" ? 1 : 0,
      ]);
  });
  test("a missing score is named", async () => {
    await expect(mix({ weights: { a: 1 } }, [[[1, Number.NaN]]])).rejects.toThrow(
      "column `a` has no score for candidate 1 of row 0. Look at the inputs of the model that made it",
    );
  });
});
