import fc from "fast-check";
import { expect, test } from "vitest";
import { order, testOrderingEdges } from "../../tests/operators/order.js";

testOrderingEdges("limitPerGroup");

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
