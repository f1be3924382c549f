/** Feature columns become one matrix in the forest's order, and its answer a column. A model that is not a forest of the plan is refused. */
import { describe, expect, test } from "vitest";
import type { Column } from "#runtime/base/columns/table.js";
import { tensorValues, valuesTensor } from "#runtime/base/columns/tensor-values.js";
import type { Tensor, TypedTensor } from "#runtime/base/tensor.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { column, context, plain, prepare, scalars } from "../../tests/operators/step.js";

const description = {
  inputs: [{ name: "features", datatype: "FP32", shape: [-1, -1] }],
  outputs: [{ name: "prediction", datatype: "FP32", shape: [-1, -1] }],
} as const;

interface Asked {
  readonly model: string;
  readonly names: readonly string[];
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly wanted: readonly string[];
}
/** A forest that answers the sums of its rows, as many columns of them as `width`, at once or later. */
function forest(width = 1, sync = false, answers = (values: Float32Array): Float32Array => values) {
  const asked: Asked[] = [];
  const sums = (values: ArrayLike<number>, [rows, features]: readonly number[]): Float32Array =>
    answers(
      Float32Array.from({ length: rows! * width }, (_, i) => {
        const row = Math.floor(i / width);
        const own = Array.from(values).slice(row * features!, (row + 1) * features!);
        return own.reduce((sum, x) => sum + (Number.isNaN(x) ? 100 : x), 0) + (i % width);
      }),
    );
  const note = (
    model: string,
    { name, shape }: { name: string; shape: readonly number[] },
    values: ArrayLike<number>,
    wanted: readonly string[],
  ) => asked.push({ model, names: [name], shape, values: Array.from(values), wanted });
  const caller: ModelCaller = {
    describe: async () => description,
    ...(sync && {
      inferSync(model: string, [input]: readonly TypedTensor[], wanted: readonly string[]) {
        const values = input!.values as Float32Array;
        note(model, input!, values, wanted);
        return [{ name: "prediction", dtype: "float32", shape: [0], values: sums(values, input!.shape) } as never];
      },
    }),
    infer: async (model, [input], wanted) => {
      const values = tensorValues(input as Tensor, input!.datatype === "FP64" ? "float64" : "float32") as Float32Array;
      note(model, input!, values, wanted);
      const made = sums(values, input!.shape);
      return [valuesTensor("prediction", "float32", [made.length], made)];
    },
  };
  return { caller, asked };
}
const step = (width?: number, dtype: "float32" | "float64" = "float32", features = ["b", "a"]) => ({
  params: { path: "m.ubj", model: "trees", features, dtype },
  inputs: { input: ["a", "b", "unused"] },
  outputs: [column("score", "float32", width === undefined ? {} : { list: { min: width, max: width } })],
});
const columns: readonly Column[] = [
  scalars("int64", [1, null, 3]),
  scalars("float32", [0.5, 0.25, null]),
  scalars("int32", [9, 9, 9]),
];
const run = async (of: Parameters<typeof forest>, width?: number, dtype?: "float32" | "float64", given = columns) => {
  const { caller, asked } = forest(...of);
  const kernel = await prepare("predictForest", step(width, dtype), ".", caller);
  const [made] = await kernel.run({ input: given }, context());
  return { made: made!, asked };
};

describe.each([false, true])("a model that answers at once: %s", sync => {
  test("gets the features in the forest's order, nulls as NaN", async () => {
    const { made, asked } = await run([1, sync]);
    expect(asked).toEqual([
      {
        ...{ model: "trees", names: ["features"], shape: [3, 2], wanted: ["prediction"] },
        values: [0.5, 1, 0.25, Number.NaN, Number.NaN, 3],
      },
    ]);
    expect(plain(made)).toEqual([1.5, 100.25, 103]);
    expect([made.dtype, made.width, made.rows]).toEqual(["float32", undefined, columns[0]!.rows]);
  });
  test("that answers too few or too many numbers is at fault", async () => {
    for (const [change, count] of [
      [(values: Float32Array) => values.subarray(1), 5],
      [(values: Float32Array) => Float32Array.of(...values, 0), 7],
    ] as const)
      await expect(run([2, sync, change], 2)).rejects.toMatchObject({
        code: "INTERNAL",
        message: `model \`trees\` answered ${count} values for 3 rows of 2.`,
      });
  });
});

test("a model that does not answer is at fault", async () => {
  const caller: ModelCaller = { describe: async () => description, infer: async () => [undefined as never] };
  const kernel = await prepare("predictForest", step(), ".", caller);
  await expect(kernel.run({ input: columns }, context())).rejects.toThrow(
    "model `trees` answered 0 values for 3 rows of 1.",
  );
});

test.each([
  ["without an input", { ...description, inputs: [] }, step()],
  ["without an output", { ...description, outputs: [] }, step()],
  ["with a feature that no column is", description, step(undefined, "float32", ["a", "c"])],
])("a model %s is not the plan's", async (_, described, given) => {
  const caller: ModelCaller = { ...forest().caller, describe: async () => described as never };
  await expect(prepare("predictForest", given, ".", caller)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: "model `trees` is not a forest of this plan. Build the ensemble again.",
  });
});
