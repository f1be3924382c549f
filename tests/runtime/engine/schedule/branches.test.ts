/** Which steps only one side of a choice needs, over random plans: those that nothing else reaches once the side is cut off. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AnyStep, Plan } from "#contract/plan.js";
import type { Side } from "#contract/step-facts.js";
import { type Guard, guards, isChoice } from "#runtime/engine/schedule/branches.js";

type Op = "predictOnnx" | "choose" | "fallback" | "mergeCandidates";
const PORTS: Readonly<Record<Op, readonly string[]>> = {
  predictOnnx: ["input"],
  choose: ["input", "yes", "no"],
  fallback: ["input", "fallback"],
  mergeCandidates: ["input", "source2", "source3"],
};
const SIDES: Readonly<Record<Op, readonly Side[]>> = {
  predictOnnx: [],
  choose: ["yes", "no"],
  fallback: ["input", "fallback"],
  mergeCandidates: ["input", "source2", "source3"],
};
/** It leaves out one of its sources, so that each of them is a side. */
const PARAMS = { sources: [{ name: "near" }, { name: "bought", within: 5 }] };
/** A step and, by port, the places of the steps that it reads; -1 is the request. */
interface Drawn {
  readonly op: Op;
  readonly reads: readonly (readonly number[])[];
  readonly isAnswered: boolean;
}

const drawn = (place: number): fc.Arbitrary<Drawn> =>
  fc.constantFrom<Op>("predictOnnx", "predictOnnx", "choose", "fallback", "mergeCandidates").chain(op =>
    fc.record({
      op: fc.constant(op),
      reads: fc.tuple(
        ...PORTS[op].map(() => fc.array(fc.integer({ min: -1, max: place - 1 }), { minLength: 1, maxLength: 2 })),
      ),
      isAnswered: fc.nat({ max: 5 }).map(n => n === 0),
    }),
  );
const plans = fc
  .integer({ min: 1, max: 10 })
  .chain(count => fc.tuple(...Array.from({ length: count }, (_, place) => drawn(place))));

const refTo = (place: number) => ({ name: "c", step: place < 0 ? "request" : `s${place}`, column: "c" });
const planOf = (steps: readonly Drawn[]): Plan => ({
  ...({} as Plan),
  steps: steps.map(
    ({ op, reads }, place) =>
      ({
        ...{ id: `s${place}`, op, label: `s${place}`, params: PARAMS, outputs: [] },
        inputs: Object.fromEntries(PORTS[op].map((port, p) => [port, reads[p]!.map(refTo)])),
      }) as unknown as AnyStep,
  ),
  outputs: steps.flatMap(({ isAnswered }, place) =>
    isAnswered ? [{ schema: { name: "c" } as never, ref: refTo(place) }] : [],
  ),
});

/** All that some steps reach upwards, themselves included, by ports that are not cut. */
function reached(
  steps: readonly Drawn[],
  from: readonly number[],
  isCut: (place: number, port: string) => boolean,
): Set<number> {
  const found = new Set(from);
  for (const place of found) {
    const { op, reads } = steps[place]!;
    PORTS[op].forEach((port, p) => {
      if (!isCut(place, port)) for (const read of reads[p]!) if (read >= 0) found.add(read);
    });
  }
  return found;
}

/** The innermost side that each step belongs to. */
function model(steps: readonly Drawn[]): (Guard | undefined)[] {
  const isRead = (place: number): boolean => steps.some(({ reads }) => reads.flat().includes(place));
  // A step without readers is computed for its own sake.
  const roots = steps.flatMap(({ isAnswered }, place) => (isAnswered || !isRead(place) ? [place] : []));
  const innermost: { guard?: Guard; size: number }[] = steps.map(() => ({ size: Number.POSITIVE_INFINITY }));
  steps.forEach(({ op }, choice) => {
    for (const side of SIDES[op]) {
      const needed = reached(steps, roots, (place, port) => place === choice && port === side);
      const own = [...reached(steps, [choice], (place, port) => place === choice && port !== side)].filter(
        place => !needed.has(place),
      );
      for (const place of own)
        if (own.length < innermost[place]!.size) innermost[place] = { guard: { choice, side }, size: own.length };
    }
  });
  return innermost.map(({ guard }) => guard);
}

test("random plans", () => {
  let guarded = 0;
  fc.assert(
    fc.property(plans, steps => {
      const found = guards(planOf(steps));
      guarded += found.filter(Boolean).length;
      expect(found).toEqual(model(steps));
    }),
    { numRuns: 2000 },
  );
  expect(guarded).toBeGreaterThan(500);
});

test.each<readonly [string, readonly Drawn[], readonly (Guard | undefined)[]]>([
  [
    "what decides is needed, also where a side reads it",
    [
      { op: "predictOnnx", reads: [[-1]], isAnswered: false },
      { op: "predictOnnx", reads: [[0]], isAnswered: false },
      { op: "choose", reads: [[0], [1], [-1]], isAnswered: true },
    ],
    [undefined, { choice: 2, side: "yes" }, undefined],
  ],
  [
    "what both sides read is needed",
    [
      { op: "predictOnnx", reads: [[-1]], isAnswered: false },
      { op: "predictOnnx", reads: [[0]], isAnswered: false },
      { op: "fallback", reads: [[1], [0]], isAnswered: true },
    ],
    [undefined, { choice: 2, side: "input" }, undefined],
  ],
  [
    "a choice inside of a side belongs to it, and its sides to itself",
    [
      { op: "predictOnnx", reads: [[-1]], isAnswered: false },
      { op: "fallback", reads: [[0], [-1]], isAnswered: false },
      { op: "choose", reads: [[-1], [1], [-1]], isAnswered: true },
    ],
    [{ choice: 1, side: "input" }, { choice: 2, side: "yes" }, undefined],
  ],
  [
    "sources of a merge that leaves one out are sides, also those that it needs",
    [
      { op: "predictOnnx", reads: [[-1]], isAnswered: false },
      { op: "predictOnnx", reads: [[-1]], isAnswered: false },
      { op: "predictOnnx", reads: [[1]], isAnswered: false },
      { op: "mergeCandidates", reads: [[0], [1], [2]], isAnswered: true },
    ],
    [{ choice: 3, side: "input" }, undefined, { choice: 3, side: "source3" }, undefined],
  ],
])("%s", (_, steps, expected) => {
  expect(guards(planOf(steps))).toEqual(expected);
  expect(planOf(steps).steps.map(isChoice)).toEqual(steps.map(({ op }) => op !== "predictOnnx"));
});
