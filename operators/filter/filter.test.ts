import { expect, test } from "vitest";
import { column, run, scalars } from "../../tests/operators/step.js";
import { testAsOriginal } from "../../tests/runtime/etl/as-original.js";

testAsOriginal("filter");

test("a column that no condition can read is refused by step and name", async () => {
  const step = {
    params: { text: "x => x", condition: { call: "truthy", args: [{ column: "x" }] } } as never,
    inputs: { input: ["x"] },
    outputs: [column("x", "float16", { rows: "s1" })],
  };
  await expect(run("filter", step, { input: [scalars("float16", [1])] })).rejects.toThrow(
    "step `s1` (filter) cannot read `x`, which is float16.",
  );
});
