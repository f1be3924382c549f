// The shared part of orderings: each user's candidates alone, in the order that was chosen, and the candidate without a score by its id.
import fc from "fast-check";
import { expect, test } from "vitest";
import { longestRow, orderCandidates } from "#operators/shared/kernel/order-candidates.js";
import type { Column } from "#runtime/base/columns/table.js";
import { candidates, grouped, scalars } from "../../../tests/operators/step.js";

const NAMES = { ids: "item", scores: "score" };
const inputsOf = (ids: Column, scores: Column) =>
  ({ input: [ids], relevance: [scores] }) as unknown as Parameters<typeof orderCandidates>[0];
const users = fc.array(fc.array(fc.double({ noNaN: true }), { maxLength: 5 }), { maxLength: 5 });

test("users never mix: each has its own candidates, scores and propensities", () => {
  fc.assert(
    fc.property(users, fc.nat({ max: 4 }), fc.boolean(), (scores, k, hasChance) => {
      let next = 100n;
      const ids = candidates(
        "int64",
        scores.map(own => own.map(() => next++)),
      );
      const seen: unknown[] = [];
      const made = orderCandidates(
        inputsOf(ids, scalars("float64", scores.flat(), ids.rows)),
        NAMES,
        (rows, values) => {
          expect([rows, values]).toEqual([ids.rows, ids.values]);
          // The last k, last first.
          return (own, count, start, row) => {
            seen.push([row, start, [...own.subarray(0, count)]]);
            return Int32Array.from({ length: Math.min(k, count) }, (_, i) => count - 1 - i);
          };
        },
        hasChance
          ? (own, count, chosen, out) => {
              chosen.forEach((place, i) => {
                out[i] = own[place]! / 2;
              });
              return -count;
            }
          : undefined,
      );
      const starts = scores.map((_, row) => scores.slice(0, row).flat().length);
      expect(seen).toEqual(scores.map((own, row) => [row, starts[row], own]));
      const kept = scores.map(own => own.slice(Math.max(0, own.length - k)).reverse());
      const idsOf = grouped(ids).map(own => own.slice(Math.max(0, own.length - k)).reverse());
      expect(made).toHaveLength(hasChance ? 4 : 2);
      expect([grouped(made[0]!), grouped(made[1]!)]).toEqual([idsOf, kept]);
      if (hasChance) {
        expect(grouped(made[2]!)).toEqual(kept.map(own => own.map(score => score / 2)));
        expect(grouped(made[3]!)).toEqual(kept.map((own, row) => own.map(() => Math.exp(-scores[row]!.length))));
      }
      expect(new Set(made.map(({ rows }) => rows)).size).toBe(1);
      expect(longestRow(ids.rows)).toBe(Math.max(0, ...scores.map(({ length }) => length)));
    }),
    { numRuns: 150 },
  );
});

test("a candidate without a score is named, the first of the first user who has one", () => {
  const all = () => (_: Float64Array, count: number) => Int32Array.from({ length: count }, (_, i) => i);
  const order = (scores: readonly (readonly (number | null)[])[], validity?: Uint8Array) => {
    const ids = candidates(
      "int64",
      scores.map((own, row) => own.map((_, i) => 10 * row + i)),
    );
    const column = scalars("float64", scores.flat(), ids.rows);
    return () => orderCandidates(inputsOf(ids, validity ? { ...column, validity } : column), NAMES, all);
  };
  const fault = (place: number, id: number, row: number, found: string) =>
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: `column \`score\` has no score for candidate ${place} (\`item\` ${id}) of row ${row}: it is ${found}. Look at the ranking model's inputs for it.`,
    });
  expect(order([[1], [2, 3, null], [null]])).toThrow(fault(2, 12, 1, "NaN"));
  expect(order([[1], [2, 3, 4], [5]], Uint8Array.of(1, 1, 0, 1, 1))).toThrow(fault(1, 11, 1, "null"));
  expect(order([[1], [2, null, 4], [5]], Uint8Array.of(1, 1, 1, 0, 1))).toThrow(fault(1, 11, 1, "NaN"));
  expect(order([[1], [2, 3, 4], [5]], Uint8Array.of(1, 1, 1, 1, 0))).toThrow(fault(0, 20, 2, "null"));
  expect(order([[1], [], [Number.POSITIVE_INFINITY]], Uint8Array.of(1, 1))).not.toThrow();
});
