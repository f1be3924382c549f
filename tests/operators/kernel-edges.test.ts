// Kernels at the edges of their input: the largest and least values of a dtype, cells of nulls, and columns of another form.
import { describe, expect, test } from "vitest";
import { column, lists, plain, run, vectors } from "./step.js";

describe("valueCount", () => {
  const step = {
    ...{ params: {}, inputs: { input: ["x"] } },
    outputs: [column("x", "int64", { list: { min: 2, max: 2 } })],
  };
  test("makes vectors of lists that are as long as at the fit", async () => {
    const [made] = await run("valueCount", step, {
      input: [
        lists("int64", [
          [1n, 2n],
          [3n, 4n],
        ]),
      ],
    });
    expect([made!.width, made!.offsets, plain(made!)]).toEqual([
      2,
      undefined,
      [
        [1n, 2n],
        [3n, 4n],
      ],
    ]);
    const already = vectors("int64", [[1n, 2n]], 2);
    expect((await run("valueCount", step, { input: [already] }))[0]).toEqual(already);
  });
  test.each([
    [[[1n, 2n], [3n]], 1, 1],
    [[[1n, 2n, 3n]], 3, 0],
    [[[]], 0, 0],
  ])("of a list of another length is refused by row (%#)", async (rows, length, row) => {
    await expect(run("valueCount", step, { input: [lists("int64", rows)] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `step \`s1\` (valueCount): column \`x\` has ${length} values in row ${row}, and every list of the fitted data had 2. Send 2, or fit again.`,
    });
  });
});
