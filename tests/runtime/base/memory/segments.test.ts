// Bytes in chunks of all sizes: the same bytes as one buffer, charged while they are held, joined in turns, and discarded at any moment.
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { bufferPool } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { Segments } from "#runtime/base/memory/segments.js";

const MIB = 2 ** 20;
const never = (): boolean => false;

function filled(budget: MemoryBudget, chunks: readonly Buffer[]): Segments {
  const segments = new Segments(budget.open());
  for (const chunk of chunks) segments.add(chunk);
  return segments;
}

test("chunks of any sizes are one buffer, and at most twice their length is charged", async () => {
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(70_000)), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(sizes, async lengths => {
      const chunks = lengths.map((length, i) => Buffer.alloc(length, i + 1));
      const whole = Buffer.concat(chunks);
      const budget = new MemoryBudget();
      const segments = filled(budget, chunks);
      expect(segments.length).toBe(whole.length);
      expect(budget.charged).toBeGreaterThanOrEqual(whole.length);
      expect(budget.charged).toBeLessThanOrEqual(2 * whole.length);
      expect((await segments.join(never)).equals(whole)).toBe(true);
      expect(budget.charged).toBeGreaterThanOrEqual(whole.length);
      expect(budget.charged).toBeLessThanOrEqual(2 * whole.length);
      segments.discard();
      expect(budget.charged).toBe(0);
    }),
  );
});

test("bytes that are discarded in the middle of a join leave no charge, then and afterwards", async () => {
  const budget = new MemoryBudget();
  const segments = filled(
    budget,
    Array.from({ length: 20 }, () => Buffer.alloc(MIB)),
  );
  let isOver = false;
  const joined = segments.join(() => isOver);
  await turn();
  expect(budget.charged).toBeGreaterThanOrEqual(40 * MIB);
  isOver = true;
  segments.discard();
  expect(budget.charged).toBe(0);
  await joined;
  expect(budget.charged).toBe(0);
});

test.each([
  ["joined", false],
  ["discarded meanwhile", true],
])("memory is returned once if all is %s", async (_, isDiscarded) => {
  const [take, give] = [vi.spyOn(bufferPool, "take"), vi.spyOn(bufferPool, "give")];
  const chunk = Buffer.alloc(2 ** 16, 7);
  const segments = filled(
    new MemoryBudget(),
    Array.from({ length: 20 * 16 }, () => chunk),
  );
  const joining = segments.join(() => isDiscarded);
  if (isDiscarded) segments.discard();
  await joining;
  segments.discard();
  const taken = take.mock.results.map(({ value }) => value);
  expect(taken.length).toBeGreaterThan(4);
  expect(give.mock.calls.map(([buffer]) => buffer)).toEqual(taken);
  vi.restoreAllMocks();
});
