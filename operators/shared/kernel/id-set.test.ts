// Membership of ids against a Set: runs of each kind of column, nulls, and ids whose words collide.
import fc from "fast-check";
import { expect, test } from "vitest";
import { idSet } from "#operators/shared/kernel/id-set.js";
import type { Values } from "#runtime/base/columns/table.js";

const long = fc.oneof(
  fc.bigInt({ min: -4n, max: 4n }),
  fc.constantFrom(2n ** 32n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n), 1n << 40n, (1n << 40n) + 1n),
);
const KINDS: Readonly<Record<string, readonly [fc.Arbitrary<unknown>, (all: readonly unknown[]) => Values]>> = {
  int64: [long, all => BigInt64Array.from(all as bigint[])],
  uint64: [long.map(n => BigInt.asUintN(64, n)), all => BigUint64Array.from(all as bigint[])],
  int32: [fc.integer({ min: -3, max: 3 }), all => Int32Array.from(all as number[])],
  float64: [fc.constantFrom(0, -0, 0.5, Number.NaN, 1e300), all => Float64Array.from(all as number[])],
  string: [fc.constantFrom("", "a", "b", "né"), all => all as readonly string[]],
};
const given = fc.constantFrom(...Object.keys(KINDS)).chain(kind =>
  fc.record({
    kind: fc.constant(kind),
    // More than the eight that a table begins with room for.
    ids: fc.array(fc.tuple(KINDS[kind]![0], fc.boolean()), { maxLength: 60, size: "max" }),
    tested: fc.array(KINDS[kind]![0], { maxLength: 20 }),
    cuts: fc.array(fc.nat({ max: 60 }), { maxLength: 4 }),
    hasNulls: fc.boolean(),
  }),
);

test("an id is in the run that was filled in last, unless it is null there", () => {
  fc.assert(
    fc.property(given, ({ kind, ids, tested, cuts, hasNulls }) => {
      const [, made] = KINDS[kind]!;
      const validity = hasNulls ? Uint8Array.from(ids, ([, isKnown]) => Number(isKnown)) : undefined;
      const set = idSet(made(ids.map(([id]) => id)), validity, made(tested));
      const ends = [...cuts.map(cut => Math.min(cut, ids.length)), ids.length].sort((a, b) => a - b);
      let start = 0;
      for (const end of [...ends, ids.length]) {
        set.fill(start, end);
        const run = ids.slice(start, end).filter(([, isKnown]) => isKnown || !hasNulls);
        // A float that is no number is in no set; the two zeros are one.
        const members = new Set(run.map(([id]) => id).filter(id => !Number.isNaN(id)));
        expect(tested.map((_, i) => set.has(i))).toEqual(tested.map(id => members.has(id)));
        start = end;
      }
    }),
    { numRuns: 300 },
  );
});
