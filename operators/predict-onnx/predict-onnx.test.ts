import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { ModelCaller, TensorDescription } from "#runtime/engine/schedule/kernel.js";
import { column, context, type Item, lists, plain, prepare, scalars, vectors } from "../../tests/operators/step.js";

const ROWS = rootRows(3);

/** A server with one model that records its inputs, and returns row numbers. */
function oneModel(inputs: readonly TensorDescription[], outputs: readonly TensorDescription[]) {
  const asked: { tensors: readonly Tensor[]; outputs: readonly string[] }[] = [];
  const models: ModelCaller = {
    describe: async () => ({ inputs, outputs }),
    infer: async (_, tensors, wanted) => {
      asked.push({ tensors, outputs: wanted });
      const count = tensors[0]!.shape[0]!;
      return wanted.map(name => {
        const { datatype, shape } = outputs.find(o => o.name === name)!;
        const values = Float32Array.from({ length: count * (shape[1] ?? 1) }, (_, i) => i);
        return { name, datatype, shape: [count, ...shape.slice(1)], data: new Uint8Array(values.buffer) };
      });
    },
  };
  return { asked, models };
}

const numbers = (tensor: Tensor) => {
  const buffer = tensor.data.slice().buffer;
  if (tensor.datatype === "INT64") return [...new BigInt64Array(buffer)];
  return tensor.datatype === "INT32" ? [...new Int32Array(buffer)] : [...new Float32Array(buffer)];
};

const step = (
  columns: readonly string[],
  inputs: Record<string, string>,
  outputs: Record<string, string>,
  list?: number,
) => ({
  params: { path: "models/m.onnx", model: "m", inputs, outputs },
  inputs: { input: columns },
  outputs: Object.keys(outputs).map(name => column(name, "float32", list ? { list: { min: list, max: list } } : {})),
});

describe("predictOnnx", () => {
  test("columns become tensors of the graph's shapes and dtypes; outputs become columns", async () => {
    const { asked, models } = oneModel(
      [
        { name: "ids", datatype: "INT32", shape: [-1] },
        { name: "price", datatype: "FP32", shape: [-1, 1] },
        { name: "vector", datatype: "FP32", shape: [-1, 2] },
        { name: "wide", datatype: "INT64", shape: [-1, 1] },
        { name: "past__values", datatype: "INT64", shape: [-1] },
        { name: "past__offsets", datatype: "INT64", shape: [-1] },
      ],
      [
        { name: "score", datatype: "FP32", shape: [-1, 1] },
        { name: "unused", datatype: "FP32", shape: [-1] },
        { name: "flat", datatype: "FP32", shape: [-1] },
      ],
    );
    const columns = ["id", "price", "v", "past"];
    const bound = { ids: "id", price: "price", vector: "v", wide: "id", past__values: "past", past__offsets: "past" };
    const kernel = await prepare("predictOnnx", step(columns, bound, { click: "score", other: "flat" }), ".", models);
    const input = [
      scalars("int64", [1, -2, 3], ROWS),
      scalars("float64", [0.5, 1, null], ROWS),
      vectors(
        "float32",
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        2,
        ROWS,
      ),
      lists("int32", [[1], [], [2, 3]], ROWS),
    ];
    const made = await kernel.run({ input }, context());
    expect(made.map(plain)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(made.every(col => col.rows === ROWS)).toBe(true);
    expect(asked[0]!.outputs).toEqual(["score", "flat"]);
    expect(asked[0]!.tensors.map(t => [t.name, t.datatype, t.shape, numbers(t)])).toEqual([
      ["ids", "INT32", [3], [1, -2, 3]],
      ["price", "FP32", [3, 1], [0.5, 1, Number.NaN]],
      ["vector", "FP32", [3, 2], [1, 2, 3, 4, 5, 6]],
      ["wide", "INT64", [3, 1], [1n, -2n, 3n]],
      ["past__values", "INT64", [3], [1n, 2n, 3n]],
      ["past__offsets", "INT64", [4], [0n, 1n, 1n, 3n]],
    ]);
  });

  describe("faults", () => {
    const faulty = async (tensor: TensorDescription, col: Parameters<typeof plain>[0]) => {
      const { models } = oneModel([tensor], [{ name: "y", datatype: "FP32", shape: [-1] }]);
      const kernel = await prepare("predictOnnx", step(["c"], { [tensor.name]: "c" }, { y: "y" }), ".", models);
      return kernel.run({ input: [col] }, context());
    };
    test.each([
      [
        "an integer beyond the graph's",
        { name: "x", datatype: "INT32", shape: [-1] },
        scalars("int64", [1n, 2n ** 31n] as Item[]),
        "column `c` holds 2147483648 at place 1, which int32 can not hold.",
      ],
      [
        "a dtype without a way",
        { name: "x", datatype: "INT64", shape: [-1] },
        scalars("float32", [1]),
        "column `c` is float32, expected int64.",
      ],
      [
        "a null",
        { name: "x", datatype: "INT64", shape: [-1] },
        scalars("int64", [1, null]),
        "column `c` is null at row 1. Fill nulls before the model",
      ],
      [
        "a null in the first row",
        { name: "x", datatype: "INT64", shape: [-1] },
        scalars("int64", [null, 1]),
        "column `c` is null at row 0. Fill nulls before the model",
      ],
      [
        "a null in a list",
        { name: "c__values", datatype: "INT64", shape: [-1] },
        { ...lists("int64", [[1], [], [2, 3]]), validity: Uint8Array.of(1, 1, 0) },
        "column `c` is null at row 2. Fill nulls before the model",
      ],
      [
        "another width",
        { name: "x", datatype: "FP32", shape: [-1, 3] },
        vectors("float32", [[1, 2]], 2),
        "column `c` holds float32[2] a row, and tensor `x` has the shape [-1, 3].",
      ],
      [
        "a list of any length",
        { name: "x", datatype: "FP32", shape: [-1] },
        lists("float32", [[1, 2]]),
        "column `c` holds lists of any length, and tensor `x` takes one length.",
      ],
    ] as const)("%s", async (_, tensor, col, text) => {
      await expect(faulty(tensor as TensorDescription, col)).rejects.toThrow(text);
    });
    test("a model that is not the one the plan was built for", async () => {
      const { models } = oneModel(
        [{ name: "x", datatype: "FP32", shape: [-1] }],
        [{ name: "y", datatype: "FP32", shape: [-1] }],
      );
      await expect(prepare("predictOnnx", step(["c"], { z: "c" }, { y: "y" }), ".", models)).rejects.toThrow(
        "model `m` has no input `z`. Build the ensemble again.",
      );
      await expect(prepare("predictOnnx", step(["c"], {}, { y: "y" }), ".", models)).rejects.toThrow(
        "input `x` of model `m` has no column.",
      );
      await expect(prepare("predictOnnx", step(["c"], { x: "c" }, { p: "p" }), ".", models)).rejects.toThrow(
        "model `m` has no output `p`.",
      );
    });
    test("a graph that was exported for one batch", async () => {
      const { models } = oneModel(
        [{ name: "x", datatype: "FP32", shape: [1] }],
        [{ name: "y", datatype: "FP32", shape: [1] }],
      );
      const kernel = await prepare("predictOnnx", step(["c"], { x: "c" }, { y: "y" }), ".", models);
      expect(() => kernel.run({ input: [scalars("float32", [1, 2])] }, context())).toThrow(
        "model `m` takes 1 row at a time, since `x` has the shape [1], and the request has 2. Export it with a first dimension that varies (torch: `dynamic_axes` or `dynamic_shapes`), or run it row by row, `batchSize: 1`.",
      );
    });
  });
});

describe("tensors that are not a single column", () => {
  const make = async (inputs: readonly TensorDescription[], params: object, columns: readonly string[]) => {
    const { asked, models } = oneModel(inputs, [{ name: "score", datatype: "FP32", shape: [-1] }]);
    const kernel = await prepare(
      "predictOnnx",
      {
        params: { path: "m.onnx", model: "m", inputs: {}, outputs: { score: "score" }, ...params },
        inputs: { input: columns },
        outputs: [column("score", "float32")],
      },
      ".",
      models,
    );
    return { asked, kernel };
  };
  test("a matrix of columns side by side, vectors with their width", async () => {
    const { asked, kernel } = await make(
      [{ name: "X", datatype: "FP32", shape: [-1, 4] }],
      { stack: { X: ["age", "vector", "visits"] } },
      ["age", "visits", "vector"],
    );
    await kernel.run(
      {
        input: [
          scalars("float64", [1, 2, 3], ROWS),
          scalars("int64", [10, 20, 30], ROWS),
          vectors(
            "float32",
            [
              [4, 5],
              [6, 7],
              [8, 9],
            ],
            2,
            ROWS,
          ),
        ],
      },
      context(),
    );
    expect(asked[0]!.tensors.map(t => [t.name, t.shape, numbers(t)])).toEqual([
      ["X", [3, 4], [1, 4, 5, 10, 2, 6, 7, 20, 3, 8, 9, 30]],
    ]);
  });
  test.each([
    ["right", 2, [1, 2, 0, 0, 3, 4]],
    ["left", 2, [1, 2, 0, 0, 4, 5]],
    ["right", -1, [1, 2, 0, 0, 0, 0, 3, 4, 5]],
    ["left", -1, [0, 1, 2, 0, 0, 0, 3, 4, 5]],
  ] as const)("lists padded on the %s to %d", async (side, length, expected) => {
    const { asked, kernel } = await make(
      [{ name: "past", datatype: "INT64", shape: [-1, length] }],
      { inputs: { past: "past" }, pad: { past: { side } } },
      ["past"],
    );
    await kernel.run({ input: [lists("int64", [[1, 2], [], [3, 4, 5]], ROWS)] }, context());
    expect(numbers(asked[0]!.tensors[0]!)).toEqual(expected.map(BigInt));
  });
  test("more rows than batchSize are sent in several calls, and returned as one", async () => {
    const { asked, kernel } = await make(
      [{ name: "x", datatype: "FP32", shape: [-1] }],
      { inputs: { x: "x" }, batchSize: 2 },
      ["x"],
    );
    const made = await kernel.run({ input: [scalars("float32", [1, 2, 3, 4, 5])] }, context());
    expect(asked.map(a => numbers(a.tensors[0]!))).toEqual([[1, 2], [3, 4], [5]]);
    expect(plain(made[0]!)).toEqual([0, 1, 0, 1, 0]);
    expect(made[0]!.rows.count).toBe(5);
  });
});

describe("a number beyond a table of the model", () => {
  const inputs = [
    { name: "age", datatype: "FP32", shape: [-1] },
    { name: "ids", datatype: "INT64", shape: [-1] },
  ] as const;
  const failing = (message: string, throwsAtOnce: boolean): ModelCaller => ({
    describe: async () => ({ inputs, outputs: [{ name: "score", datatype: "FP32", shape: [-1] }] }),
    infer: () => {
      const fault = new RuntimeFault("INTERNAL", message);
      if (throwsAtOnce) throw fault;
      return Promise.reject(fault);
    },
  });
  const BEYOND = "onnx runtime error 2: Gather node. idx=3010 must be within the inclusive range [-3000,2999]";
  const ask = async (models: ModelCaller) => {
    const kernel = await prepare(
      "predictOnnx",
      step(["a", "b"], { age: "a", ids: "b" }, { score: "score" }),
      ".",
      models,
    );
    return kernel.run(
      { input: [scalars("float32", [3010, 1, 2], ROWS), scalars("int64", [7, 3010, 8], ROWS)] },
      context(),
    );
  };

  test.each([true, false])("is named with its column and row (thrown at once: %s)", async throwsAtOnce => {
    const asked = async () => ask(failing(BEYOND, throwsAtOnce));
    await expect(asked()).rejects.toThrow(
      `${BEYOND}. Column \`b\` has 3010 in row 1, and a table of model \`m\` ends at 2999: the model was trained on another fit.`,
    );
  });
});
