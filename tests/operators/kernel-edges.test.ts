// Kernels at the edges of their input: the largest and least values of a dtype, cells of nulls, and columns of another form.
import { describe, expect, test } from "vitest";
import { fillFor } from "#operators/shared/kernel/fill-value.js";
import { integerRange } from "#operators/shared/kernel/integer-range.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { column, lists, plain, run, scalars, vectors } from "./step.js";

describe("a fill value", () => {
  test.each(["int8", "int16", "int32", "uint8", "uint16", "uint32"] as const)("of %s is in its range", dtype => {
    const { min, max } = integerRange(dtype)!;
    for (const value of [min, max]) expect(fillFor(dtype, Number(value), "x")).toBe(Number(value));
    for (const value of [min - 1n, max + 1n])
      expect(() => fillFor(dtype, Number(value), "x")).toThrow(
        `x cannot fill a ${dtype} column with ${value}. Give \`fillValue\` a value of that type.`,
      );
    expect(() => fillFor(dtype, 0.5, "x")).toThrow(`a ${dtype} column with 0.5`);
    expect(() => fillFor(dtype, "1", "x")).toThrow(`a ${dtype} column with "1"`);
  });
  test("of 64 bits is exact; bools are 0 and 1, texts texts, floats any number", () => {
    expect([fillFor("int64", -5, "x"), fillFor("uint64", 2 ** 53, "x")]).toEqual([-5n, 2n ** 53n]);
    expect([fillFor("bool", true, "x"), fillFor("bool", 0, "x"), fillFor("bool", 1, "x")]).toEqual([1, 0, 1]);
    expect([fillFor("string", "", "x"), fillFor("float32", Number.NaN, "x")]).toEqual(["", Number.NaN]);
    for (const [dtype, value] of [
      ["bool", 2],
      ["uint64", -1],
      ["string", 1],
      ["float32", "1"],
    ] as const)
      expect(() => fillFor(dtype, value, "x")).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining(`a ${dtype} column`) as string,
        }),
      );
  });
});

test("explode of scalars names the column", async () => {
  const step = { params: { name: "id" }, inputs: { input: ["ids"] }, outputs: [column("id", "int64", { rows: "s1" })] };
  await expect(run("explode", step, { input: [scalars("int64", [1n])] })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: "column `ids` holds no lists.",
  });
});

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

test("reduceDtypeSize casts values, and not the cells of nulls", async () => {
  const step = { params: {}, inputs: { input: ["x"] }, outputs: [column("x", "int8")] };
  const col = {
    ...{ dtype: "int64" as const, rows: rootRows(3), values: BigInt64Array.of(127n, 1000n, -128n) },
    validity: Uint8Array.of(1, 0, 1),
  };
  const [made] = await run("reduceDtypeSize", step, { input: [col] });
  expect([made!.dtype, plain(made!)]).toEqual(["int8", [127, null, -128]]);
  await expect(run("reduceDtypeSize", step, { input: [{ ...col, validity: Uint8Array.of(1, 1, 1) }] })).rejects.toThrow(
    "step `s1` (reduceDtypeSize): column `x` holds 1000",
  );
});
