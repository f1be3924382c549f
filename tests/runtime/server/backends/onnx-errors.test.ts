/**
 * Numbers of ONNX Runtime's errors, and scalars of a graph. Messages and numbers are those of onnxruntime 1.23 for Python, which prints
 * both. Those with a source file's path are of the recorded Triton, whose checks throw.
 */
import { expect, test } from "vitest";
import { ortErrorNumber } from "#runtime/server/backends/onnx-error-number.js";
import { repository, startServer } from "../support.js";

const node = (operator: string, status: string): string =>
  `Non-zero status code returned while running ${operator} node. Name:'' Status Message: ${status}`;

test.each([
  [2, node("Gather", "indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]")],
  [2, node("GatherND", "invalid index found, index = 9")],
  [2, node("ScatterND", "invalid indice found, indice = 9")],
  [2, node("Gemm", "GEMM: Dimension mismatch, W: {2,3} K: 3 N:3")],
  [2, node("Expand", "invalid expand shape")],
  [2, node("Split", "Invalid value in 'split'. Split size 3 exceeds the remaining size of the selected axis, 2.")],
  [2, node("OneHot", "Depth is negative.")],
  [1, node("MatMul", "matmul_helper.h:59 Compute MatMul dimension mismatch")],
  [1, node("Concat", "concatbase.h:135 PrepareForComputeImpl Non concat axis dimensions must match: Axis 0")],
  [1, node("TopK", "k argument [3] should not be greater than specified axis dim value [2]")],
  [1, node("Conv", "Input channels C is not equal to kernel channels * group. C: 2 kernel channels: 3 group: 1")],
  [6, node("Cast", "stoll")],
  [6, node("Sub", "./onnxruntime/core/providers/cpu/math/element_wise_ops.h:560 void Init() axis == 1 was false.")],
  [2, "Invalid rank for input: a Got: 1 Expected: 2 Please fix either the inputs/outputs or the model."],
  [2, "Got invalid dimensions for input: a for the following indices\n index: 1 Got: 3 Expected: 2\n"],
  [7, "Load model from m.onnx failed:Protobuf parsing failed."],
  [10, 'Load model from m.onnx failed:This is an invalid model. In Node, ("", Foo, "", -1)'],
])("%i: %s", (number, message) => {
  expect(ortErrorNumber(message)).toBe(number);
});

/** y = Gather(d, i). */
const GATHER =
  "CAg6RQoRCgFkCgFpEgF5IgZHYXRoZXISAWdaDwoBZBIKCggIARIECgIIBFoNCgFpEggKBggHEgIKAGINCgF5EggKBggBEgIKAEIECgAQEQ==";
/** y = x + x, a number. */
const SCALAR = Buffer.from("CAg6LQoOCgF4CgF4EgF5IgNBZGQSAWdaCwoBeBIGCgQIARIAYgsKAXkSBgoECAESAEIECgAQEQ==", "base64");
const withScalar = (name: string, dims: string): string => `name: "${name}" backend: "onnxruntime" max_batch_size: 0
input [ { name: "x" data_type: TYPE_FP32 dims: [ ${dims} ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ ${dims} ] } ]`;

test("an index that is out of bounds, and a scalar with any number of dimensions of 1", async () => {
  const server = await startServer(
    repository([], {
      "gather/config.pbtxt": `name: "gather" backend: "onnxruntime" max_batch_size: 0
input [ { name: "d" data_type: TYPE_FP32 dims: [ 4 ] }, { name: "i" data_type: TYPE_INT64 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]`,
      "gather/1/model.onnx": Buffer.from(GATHER, "base64"),
      "scalar/config.pbtxt": withScalar("scalar", "1, 1"),
      "scalar/1/model.onnx": SCALAR,
      "wrong/config.pbtxt": withScalar("wrong", "1, 2"),
      "wrong/1/model.onnx": SCALAR,
    }),
    { exitOnError: false },
  );
  try {
    const tensor = (name: string, datatype: string, shape: readonly number[], data: readonly unknown[]) => ({
      ...{ name, datatype, shape, data },
    });
    const inputs = [tensor("d", "FP32", [4], [0, 1, 2, 3]), tensor("i", "INT64", [1], [9])];
    expect(await server.post("/v2/models/gather/infer", { inputs })).toEqual({
      status: 500,
      body: {
        error:
          "onnx runtime error 2: Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]",
      },
    });
    const index = (await server.post("/v2/repository/index", {})).body as { name: string; reason?: string }[];
    expect(index.find(({ name }) => name === "scalar")?.reason).toBeUndefined();
    const doubled = { inputs: [tensor("x", "FP32", [1, 1], [3])] };
    expect((await server.post("/v2/models/scalar/infer", doubled)).body).toMatchObject({
      outputs: [{ name: "y", shape: [1, 1], data: [6] }],
    });
    expect(index.find(({ name }) => name === "wrong")?.reason).toBe(
      "Invalid argument: unable to load model 'wrong', scalar tensor 'x', should only provide 1 in the model configuration when the model doesn't support batching. Model configuration provided: [1,2].",
    );
  } finally {
    await server.stop();
  }
});
