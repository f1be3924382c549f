// Lists as rows of a tensor: cut or padded at either end, in each kind of numbers.
import { expect, test } from "vitest";
import { padLists } from "#operators/predict-onnx/kernel-inputs.js";
import { toHalves } from "#triton-protos/float16.js";
import { lists, scalars } from "../../tests/operators/step.js";

const input = (length: number) => ({ name: "x", datatype: "FP16" as const, shape: [-1, length] });
const rows = lists("float32", [[1, 2, 3], [], [4]]);

test.each([
  ["left", 2, [2, 3, 1.5, 1.5, 1.5, 4]],
  ["right", 2, [1, 2, 1.5, 1.5, 4, 1.5]],
  ["left", -1, [1, 2, 3, 1.5, 1.5, 1.5, 1.5, 1.5, 4]],
] as const)("halves are padded at the %s to %i", (side, length, expected) => {
  const { shape, values } = padLists(input(length), "float16", rows, { value: 1.5, side }, "column `x`");
  expect(shape).toEqual([3, length === -1 ? 3 : length]);
  expect(values).toEqual(toHalves([...expected]));
});

test("64-bit integers are padded with one of theirs", () => {
  const column = lists("int64", [[5], []]);
  const { values } = padLists(input(2), "int64", column, { value: -1, side: "right" }, "column `x`");
  expect(values).toEqual(BigInt64Array.of(5n, -1n, -1n, -1n));
});

test("a column without lists is refused by name", () => {
  const pad = () => padLists(input(2), "float16", scalars("float32", [1]), { value: 0, side: "left" }, "column `x`");
  expect(pad).toThrow("column `x` holds no lists of any length to pad.");
});
