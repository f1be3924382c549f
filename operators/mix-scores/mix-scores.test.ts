import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { candidates, column, context, plain, prepare, scalars } from "../../tests/operators/step.js";

const mix = async (params: OpParamsInput["mixScores"], columns: readonly (readonly (readonly number[])[])[]) => {
  const names = Object.keys(params.weights);
  const kernel = await prepare("mixScores", {
    params,
    inputs: { input: names },
    outputs: [column("mixed_score", "float32", { rows: "items" })],
  });
  const { rows } = candidates("float32", columns[0]!);
  const made = await kernel.run({ input: columns.map(c => scalars("float32", c.flat(), rows)) }, context());
  return plain(made[0]!);
};
test.each([
  ["none", [0.5 * 1 + 2 * 10, 0.5 * 3 + 2 * 20, 0.5 * 5 + 2 * 30, 0.5 * 7 + 2 * 40]],
  // By user: the first has two candidates, the second two.
  ["minMax", [0, 2.5, 0, 2.5]],
  ["standard", [-2.5, 2.5, -2.5, 2.5]],
  ["rank", [0, 2.5, 0, 2.5]],
] as const)("%s", async (scale, expected) => {
  expect(
    await mix({ weights: { a: 0.5, b: 2 }, scale }, [
      [
        [1, 3],
        [5, 7],
      ],
      [
        [10, 20],
        [30, 40],
      ],
    ]),
  ).toEqual(expected);
});
test("a missing score is named", async () => {
  await expect(mix({ weights: { a: 1 } }, [[[1, Number.NaN]]])).rejects.toThrow(
    "column `a` has no score for candidate 1 of row 0. Look at the inputs of the model that made it",
  );
});
