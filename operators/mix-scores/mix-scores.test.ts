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
test("equal scores scale to nothing, and share a rank", async () => {
  expect(await mix({ weights: { a: 1 }, scale: "minMax" }, [[[2, 2]]])).toEqual([0, 0]);
  expect(await mix({ weights: { a: 1 }, scale: "rank" }, [[[2, 2, 1]]])).toEqual([1, 1, 0]);
});
test("an infinite score has no place on a scale of distances, and one of ranks", async () => {
  for (const scale of ["minMax", "standard"] as const)
    await expect(mix({ weights: { a: 1 }, scale }, [[[1, 2, Number.NEGATIVE_INFINITY]]])).rejects.toThrow(
      `column \`a\` holds -Infinity for candidate 2 of row 0, which has no place on the scale \`${scale}\`.`,
    );
  expect(await mix({ weights: { a: 1 }, scale: "rank" }, [[[1, 2, Number.NEGATIVE_INFINITY]]])).toEqual([0.5, 1, 0]);
  expect(await mix({ weights: { a: 1 } }, [[[1, Number.POSITIVE_INFINITY]]])).toEqual([1, Number.POSITIVE_INFINITY]);
  const both = [[[1, Number.POSITIVE_INFINITY]], [[1, Number.NEGATIVE_INFINITY]]];
  await expect(mix({ weights: { a: 1, b: 1 } }, both)).rejects.toThrow(
    "scores of candidate 1 of row 0 are infinite, and their weighted sum (a, b) is no number. Clip scores before.",
  );
});
test("users without candidates", async () => {
  for (const scale of ["none", "minMax", "standard", "rank"] as const)
    expect(await mix({ weights: { a: 1 }, scale }, [[[], [3], []]])).toEqual([
      scale === "none" ? 3 : scale === "rank" ? 1 : 0,
    ]);
});
test("a missing score is named", async () => {
  await expect(mix({ weights: { a: 1 } }, [[[1, Number.NaN]]])).rejects.toThrow(
    "column `a` has no score for candidate 1 of row 0. Look at the inputs of the model that made it",
  );
});
