import fc from "fast-check";
import { expect, test } from "vitest";
import { order, testOrderingEdges } from "../../tests/operators/order.js";

testOrderingEdges("diversify");

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

/** By expansion along the first row. */
function determinant(m: readonly (readonly number[])[]): number {
  if (m.length === 0) return 1;
  return m[0]!.reduce(
    (sum, value, i) =>
      sum + (i % 2 ? -1 : 1) * value * determinant(m.slice(1).map(row => row.filter((_, j) => j !== i))),
    0,
  );
}
