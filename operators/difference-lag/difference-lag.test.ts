import { expect, test } from "vitest";
import { testAsNvtabular } from "../../tests/operators/as-nvtabular.js";
import { column, plain, run, scalars } from "../../tests/operators/step.js";

testAsNvtabular("differenceLag");

test("integers beyond 2^53 are subtracted exactly, signed and unsigned", async () => {
  const step = {
    params: { shifts: [1] },
    inputs: { input: ["x"], partition: ["p"] },
    outputs: [column("x", "float32")],
  };
  const partition = [scalars("int64", [1, 1, 1, 1])];
  for (const dtype of ["int64", "uint64"] as const) {
    const x = scalars(dtype, [2n ** 60n, 2n ** 60n + 3n, null, 2n ** 60n + 1n]);
    const [made] = await run("differenceLag", step, { input: [x], partition });
    expect(plain(made!)).toEqual([Number.NaN, 3, Number.NaN, Number.NaN]);
  }
});
