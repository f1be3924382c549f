/**
 * The response cache and the memory of the server: its entries are charged and evicted for requests, and none is added without room.
 */
import { expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { createLocalCache } from "#runtime/server/cache/local-cache.js";
import type { BackendResponse } from "#runtime/server/contract.js";

const MIB = 2 ** 20;
const answer = (bytes: number): BackendResponse => ({
  outputs: [{ name: "OUTPUT0", datatype: "UINT8", shape: [bytes], data: new Uint8Array(bytes) }],
});

test("entries are charged, and dropped ones given back", () => {
  const budget = new MemoryBudget(100 * MIB, { resident: () => 0 });
  const cache = createLocalCache(4 * MIB, budget);
  for (let i = 0; i < 10; i++) cache.put(`${i}`, answer(MIB));
  expect(budget.charged).toBeGreaterThan(2.9 * MIB);
  expect(budget.charged).toBeLessThanOrEqual(4 * MIB);
  // The same key takes the place of its former entry.
  const before = budget.charged;
  cache.put("9", answer(MIB));
  expect(budget.charged).toBe(before);
});

test("an entry that finds no room drops others, and is left out where that does not help", () => {
  const budget = new MemoryBudget(10 * MIB, { resident: () => 0 });
  const cache = createLocalCache(100 * MIB, budget);
  for (let i = 0; i < 20; i++) expect(cache.put(`${i}`, answer(MIB))).toBeUndefined();
  expect(budget.charged).toBeLessThanOrEqual(9 * MIB);
  expect(cache.get("19")).toBeDefined();
  expect(cache.get("0")).toBeUndefined();
  const requests = budget.open();
  requests.force(9 * MIB);
  expect(cache.put("more", answer(MIB))).toContain("greater than the memory");
  expect(budget.charged).toBe(9 * MIB);
});

test("under pressure half of it is freed", () => {
  let isAbove = false;
  let made: ReturnType<typeof createLocalCache> | undefined;
  const budget: MemoryBudget = new MemoryBudget(100 * MIB, {
    resident: () => (isAbove ? 99 * MIB : 0),
    onPressure: () => made?.shrink(),
  });
  const cache = createLocalCache(50 * MIB, budget);
  made = cache;
  for (let i = 0; i < 20; i++) cache.put(`${i}`, answer(MIB));
  expect(budget.charged).toBeGreaterThan(20 * MIB);
  isAbove = true;
  cache.shrink();
  expect(budget.charged).toBeLessThan(11 * MIB);
  expect(cache.get("19")).toBeDefined();
});
