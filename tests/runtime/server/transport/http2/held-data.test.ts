// Data of a stream that waits: the same bytes in their order, in memory that is returned once.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { bufferPool } from "#runtime/base/memory/buffer-pool.js";
import { HeldData } from "#runtime/server/transport/http2/held-data.js";

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.oneof(fc.nat(40), fc.nat(70_000)) }) },
  { weight: 1, arbitrary: fc.constant("shift" as const) },
);

test("bytes are passed in their order, and each buffer is returned once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const [take, give] = [vi.spyOn(bufferPool, "take"), vi.spyOn(bufferPool, "give")];
      const held = new HeldData();
      const [added, passed]: [Buffer[], Buffer[]] = [[], []];
      const shift = (): void => held.shift(bytes => passed.push(Buffer.from(bytes)));
      for (const [i, one] of steps.entries()) {
        if (one !== "shift") {
          const chunk = Buffer.alloc(one.add, i + 1);
          held.add(chunk);
          added.push(chunk);
          // The caller uses its buffer again.
          added[added.length - 1] = Buffer.from(chunk);
          chunk.fill(0);
        } else if (held.size > 0) shift();
      }
      const all = Buffer.concat(added);
      const left = held.size;
      expect(Buffer.concat(passed).length + left).toBe(all.length);
      while (held.size > 0 && held.size > left / 2) shift();
      const whole = Buffer.concat(passed);
      expect(whole.equals(all.subarray(0, whole.length))).toBe(true);
      expect(held.clear()).toBe(all.length - whole.length);
      expect(held.clear()).toBe(0);
      const [taken, given] = [take, give].map(({ mock }) => mock);
      expect(new Set(given!.calls.map(([buffer]) => buffer))).toEqual(
        new Set(taken!.results.map(({ value }) => value)),
      );
      expect(given!.calls).toHaveLength(taken!.results.length);
      vi.restoreAllMocks();
    }),
  );
});

test("a block that was passed is returned also where its receiver fails", () => {
  const give = vi.spyOn(bufferPool, "give");
  const held = new HeldData();
  held.add(Buffer.alloc(2 ** 16));
  expect(() =>
    held.shift(() => {
      throw new Error("the receiver failed");
    }),
  ).toThrow("the receiver failed");
  expect([held.size, give.mock.calls.length]).toEqual([0, 1]);
});

test("blocks take at most twice the bytes that they hold", () => {
  const take = vi.spyOn(bufferPool, "take");
  const held = new HeldData();
  for (let i = 0; i < 40_000; i++) held.add(Buffer.alloc(10));
  const bytes = take.mock.results.reduce((sum, { value }) => sum + (value as ArrayBuffer).byteLength, 0);
  expect(bytes).toBeLessThanOrEqual(2 * held.size);
  expect(bytes).toBeGreaterThan(held.size / 2);
});
