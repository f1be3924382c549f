// The race that leaves logarithms out draws what the race that takes them all draws, to the last bit.
import fc from "fast-check";
import { expect, test } from "vitest";
import { keepLargest } from "#operators/shared/kernel/keep-largest.js";
import { uniform } from "#operators/shared/kernel/philox.js";
import { gumbelRace } from "#operators/softmax-sampling/kernel-gumbel-race.js";

const word = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, -1, 64, -64));
const score = fc.oneof(
  fc.double({ min: -3, max: 3, noNaN: true }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, 5e-324),
);

test("the k largest keys, whatever scores, words, k and temperature", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(score, word, word), { maxLength: 400, size: "max" }),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 65, 256, 257, 1000)),
      fc.constantFrom(0, 1, 20, -4, 1e-8, 1e6, 1e300),
      (candidates, topk, temperature) => {
        const scores = Float64Array.from(candidates, ([s]) => s);
        const words = Int32Array.from(candidates.flatMap(([, high, low]) => [high, low]));
        const keys = scores.map((s, i) => {
          const noise = -Math.log(-Math.log(uniform(words[2 * i]!, words[2 * i + 1]!)));
          return temperature === 0 ? noise : temperature * s + noise;
        });
        const count = candidates.length;
        const drawn = gumbelRace(scores, words, count, { topk, temperature }, new Float64Array(count));
        expect([...drawn]).toEqual([...keepLargest(keys, 0, count, topk)]);
      },
    ),
    { numRuns: 300 },
  );
});
