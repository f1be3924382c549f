import { expect, test } from "vitest";
import { column, grouped, lists, run, scalars } from "../../tests/operators/step.js";

const step = (params: object, ports: readonly string[] = []) => ({
  params,
  inputs: { input: ["items"], ...Object.fromEntries(ports.map(port => [port, [port]])) },
  outputs: [column("candidate_ids", "int64", { rows: "s1" })] as const,
});

test("by time, within seconds of now", async () => {
  const inputs = {
    input: [
      lists("int64", [
        [1, 2, 3],
        [4, 5],
      ]),
    ],
    times: [
      lists("float64", [
        [30, 10, 30],
        [Number.NaN, 5],
      ]),
    ],
  };
  expect(grouped((await run("recent", step({}, ["times"]), inputs))[0]!)).toEqual([[3n, 1n, 2n], [5n]]);
  const now = [scalars("int64", [35, 100])];
  expect(grouped((await run("recent", step({ within: 5 }, ["times", "now"]), { ...inputs, now }))[0]!)).toEqual([
    [3n, 1n],
    [],
  ]);
  const nobody = [scalars("int64", [null, 6])];
  expect(grouped((await run("recent", step({ within: 5 }, ["times", "now"]), { ...inputs, now: nobody }))[0]!)).toEqual(
    [[], [5n]],
  );
});
test("times of another length are an error that names the row", async () => {
  const inputs = { input: [lists("int64", [[1], [2, 3]])], times: [lists("int64", [[1], [2]])] };
  await expect(run("recent", step({}, ["times"]), inputs)).rejects.toThrow(
    "row 1: column `times` has 1 values and `items` 2",
  );
});
