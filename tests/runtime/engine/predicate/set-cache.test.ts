// Sets that are kept are bounded and charged: the oldest leave, a spent budget empties the cache, and a refused set is only not kept.
import { expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { countBits, intersection, noBits } from "#runtime/engine/predicate/bits.js";
import { MOST_KEPT, setCache } from "#runtime/engine/predicate/set-cache.js";

test("the least recently used leaves", () => {
  const budget = new MemoryBudget(2 ** 40, { resident: () => 0 });
  const cache = setCache(budget);
  const size = MOST_KEPT / 4;
  for (const key of ["a", "b", "c"]) cache.set(key, noBits(8 * size));
  expect(cache.get("a")).toBeDefined();
  cache.set("d", noBits(8 * size));
  expect(["a", "b", "c", "d"].map(key => cache.get(key) !== undefined)).toEqual([true, false, true, true]);
  expect(budget.charged).toBeGreaterThan(3 * size);
  expect(budget.charged).toBeLessThan(MOST_KEPT);
  cache.set("whole", noBits(8 * MOST_KEPT + 8));
  cache.set("x".repeat(2000), noBits(8));
  expect([cache.get("whole"), cache.get("x".repeat(2000))]).toEqual([undefined, undefined]);
  cache.close();
  expect(budget.charged).toBe(0);
  cache.set("late", noBits(8));
  expect([cache.get("late"), budget.charged]).toEqual([undefined, 0]);
});

test("memory that others need is given back", () => {
  const budget = new MemoryBudget(10_000, { resident: () => 0 });
  const cache = setCache(budget);
  cache.set("a", noBits(8 * 4000));
  expect(budget.charged).toBeGreaterThan(4000);
  expect(() => budget.open().add(9000)).toThrow(/memory limit/);
  expect([cache.get("a"), budget.charged]).toEqual([undefined, 0]);
  cache.set("b", noBits(8 * 20_000));
  expect([cache.get("b"), budget.charged]).toEqual([undefined, 0]);
  cache.close();
});

test.each([1, 31, 32, 33, 1000])("%i positions: the intersection, and its number", positions => {
  const of = (step: number): Uint8Array => {
    const set = noBits(positions);
    for (let i = 0; i < positions; i += step) set[i >> 3]! |= 1 << (i & 7);
    return set;
  };
  const both = intersection([of(2), of(3), of(1)]);
  expect(both).toEqual(of(6));
  expect(countBits(both)).toBe(Math.ceil(positions / 6));
  expect(countBits(of(1))).toBe(positions);
});
