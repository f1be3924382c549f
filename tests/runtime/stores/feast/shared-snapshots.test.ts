// Random uses of the snapshots that a process shares: the eight used last are kept, and none of a file that could still change unnoticed.
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { sharedSnapshot } from "#runtime/stores/feast/shared-snapshots.js";
import type { ViewSnapshot } from "#runtime/stores/feast/snapshot-form.js";

afterEach(() => void vi.useRealTimers());

const KEPT = 8;
const SETTLED_MS = 100;
let runs = 0;

test("as a list of eight, the last used at its end", () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const use = fc.record({
    file: fc.nat({ max: 11 }),
    /** Since the file was written. */
    age: fc.oneof(fc.constantFrom(SETTLED_MS - 1, SETTLED_MS), fc.nat({ max: 1000 })),
    isTooLarge: fc.nat({ max: 9 }).map(n => n === 0),
  });
  fc.assert(
    fc.property(fc.array(use, { minLength: 20, maxLength: 60, size: "max" }), uses => {
      const run = runs++;
      const model = new Map<string, readonly ViewSnapshot[]>();
      const touch = (what: string, views: readonly ViewSnapshot[]): void => {
        model.delete(what);
        model.set(what, views);
        for (const oldest of model.keys()) if (model.size > KEPT) model.delete(oldest);
      };
      const ask = (what: string, age: number, isTooLarge: boolean): void => {
        const taken: readonly ViewSnapshot[] = [];
        const expected = model.get(what);
        let takes = 0;
        const found = sharedSnapshot(what, Date.now() - age, () => {
          takes++;
          return isTooLarge ? undefined : taken;
        });
        expect(takes).toBe(expected ? 0 : 1);
        expect(found).toBe(expected ?? (isTooLarge ? undefined : taken));
        if (expected) touch(what, expected);
        else if (!isTooLarge && age >= SETTLED_MS) touch(what, taken);
      };
      // Snapshots of earlier runs are evicted.
      for (let i = 0; i < KEPT; i++) ask(`${run} before ${i}`, SETTLED_MS, false);
      for (const { file, age, isTooLarge } of uses) ask(`${run} ${file}`, age, isTooLarge);
    }),
  );
});
