import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import type { DType } from "#triton-protos/datatype.js";
import { testAsNvtabular } from "../../tests/kernels/as-nvtabular.js";
import { column, type Item, plain, run, scalars } from "../../tests/kernels/step.js";

async function clipped(params: OpParamsInput["clip"], dtype: DType, items: readonly Item[]): Promise<unknown[]> {
  const init = { params, inputs: { input: ["x"] }, outputs: [column("x", dtype)] };
  const [made] = await run("clip", init, { input: [scalars(dtype, items)] });
  expect(made!.dtype).toBe(dtype);
  return plain(made!).map(value => (Number.isNaN(value) ? null : value));
}

testAsNvtabular("clip");

test("bounds of integers round inwards", async () => {
  expect(await clipped({ min: 0.5, max: 2.5 }, "int32", [0, 1, 2, 3])).toEqual([1, 1, 2, 2]);
  expect(await clipped({ min: -2.5, max: -0.5 }, "int64", [-3, -1, 0])).toEqual([-2n, -1n, -1n]);
});

test("64-bit integers are exact beyond 2^53, signed and unsigned", async () => {
  const large = [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n];
  expect(await clipped({ min: 0 }, "int64", large)).toEqual([large[0], 0n, large[2]]);
  expect(await clipped({ max: 2 ** 62 }, "uint64", [2n ** 64n - 1n, 2n ** 62n + 1n, 7n])).toEqual([
    2n ** 62n,
    2n ** 62n,
    7n,
  ]);
});

test("a bound that the dtype cannot hold becomes the nearest value that it can", async () => {
  expect(await clipped({ min: -1000, max: 1000 }, "int8", [-128, 5, 127])).toEqual([-128, 5, 127]);
  expect(await clipped({ min: -1 }, "uint8", [0, 255])).toEqual([0, 255]);
  expect(await clipped({ min: 300 }, "uint8", [0, 255])).toEqual([255, 255]);
});
