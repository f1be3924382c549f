import { expect, test } from "vitest";
import { column, grouped, run, scalars } from "../../tests/operators/step.js";

const step = (ids: string[], dtype: "int64" | "string") => ({
  params: { ids, dtype },
  inputs: { input: ["user_id"] },
  outputs: [column("candidate_ids", dtype, { rows: "s1" })] as const,
});

test("the same candidates for each row, exact beyond 2^53", async () => {
  const ids = ["9007199254740993", "-1"];
  const made = await run("constantCandidates", step(ids, "int64"), { input: [scalars("string", ["a", null])] });
  expect(made.map(grouped)).toEqual([
    [
      [9007199254740993n, -1n],
      [9007199254740993n, -1n],
    ],
  ]);
  expect(
    grouped((await run("constantCandidates", step(["x"], "string"), { input: [scalars("int64", [])] }))[0]!),
  ).toEqual([]);
});
