import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { assignArms } from "#operators/split/kernel.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { candidates, context, grouped, prepare, scalars } from "../../tests/operators/step.js";

const KEYS = 20_000;
const users = scalars(
  "int64",
  Array.from({ length: KEYS }, (_, i) => i),
);
const arms = (weights: Readonly<Record<string, number>>) =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight }));
const counts = (assigned: Int32Array, of: number) =>
  Array.from({ length: of }, (_, arm) => assigned.filter(one => one === arm).length);

describe("assignment", () => {
  test("a weight that grows only brings keys to its arm", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 2, maxLength: 8 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.nat(),
        (weights, more, which) => {
          const grown = which % weights.length;
          const all = weights.map((weight, i) => ({ name: `arm${i}`, weight }));
          const some = { ...users, values: (users.values as BigInt64Array).slice(0, 300), rows: rootRows(300) };
          const before = assignArms(some, all, "s");
          const after = assignArms(
            some,
            all.map((arm, i) => (i === grown ? { ...arm, weight: arm.weight + more } : arm)),
            "s",
          );
          for (const [i, arm] of after.entries()) if (arm !== before[i]) expect(arm).toBe(grown);
        },
      ),
      { numRuns: 50 },
    );
  });
});

const step = {
  id: "ab",
  params: { arms: arms({ control: 0.5, treatment: 0.5 }), salt: "s" },
  inputs: { input: ["user_id"], arm1: ["a"], arm2: ["b"] },
  outputs: [column("item", "int64", { rows: "ab" })],
};

describe("the columns of a row's arm", () => {
  const rows = rootRows(200);
  const keys = scalars(
    "int64",
    Array.from({ length: 200 }, (_, i) => i),
    rows,
  );
  const a = candidates(
    "int64",
    Array.from({ length: 200 }, (_, i) => [i, 1]),
    rows,
  );
  const b = candidates(
    "int64",
    Array.from({ length: 200 }, (_, i) => (i % 2 ? [] : [-i])),
    rows,
  );
  test("are candidates of either, counted, and the same alone as in a batch", async () => {
    const kernel = await prepare("split", step);
    const assigned = assignArms(keys, step.params.arms, "s");
    const [made] = await kernel.run({ input: [keys], arm1: [a], arm2: [b] }, context());
    const expected = [...assigned].map((arm, i) => (arm === 0 ? [BigInt(i), 1n] : i % 2 ? [] : [BigInt(-i)]));
    expect(grouped(made!)).toEqual(expected);
    const [control, treatment] = counts(assigned, 2);
    expect(kernel.arms).toEqual([
      { name: "control", rows: control, failures: 0, isStopped: false },
      { name: "treatment", rows: treatment, failures: 0, isStopped: false },
    ]);
  });
  test("a request names the arm of all its rows, and an arm that is not there is refused", async () => {
    const kernel = await prepare("split", step);
    const given = (parameters: Record<string, unknown>) => context(1n, new Map(Object.entries(parameters)) as never);
    for (const name of ["arm", "arm.ab"]) {
      expect([...(kernel.sides!(keys, given({ [name]: "treatment" })) as Int32Array)]).toEqual(new Array(200).fill(1));
      for (const wrong of ["treatmint", "", 1n, true])
        expect(() => kernel.sides!(keys, given({ [name]: wrong }))).toThrow(
          `parameter '${name}' is ${typeof wrong === "string" ? JSON.stringify(wrong) : wrong}; the arms are 'control', 'treatment'`,
        );
    }
    // The step's own name precedes.
    expect((kernel.sides!(keys, given({ arm: "control", "arm.ab": "treatment" })) as Int32Array)[0]).toBe(1);
    expect(() => kernel.sides!(keys, given({ arm: "x".repeat(10_000) }))).toThrow(/^.{1,200}$/);
  });
});
