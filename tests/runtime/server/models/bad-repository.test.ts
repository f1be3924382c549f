/**
 * Repositories with faults: what is wrong is named, and the other models go on serving.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const onnx = readFileSync(new URL("../../../conformance/data/protocol/models/calc_fp32/1/model.onnx", import.meta.url));
const calcConfig = readFileSync(
  new URL("../../../conformance/data/protocol/models/calc_fp32/config.pbtxt", import.meta.url),
  "utf8",
);
const infer = {
  inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }],
};

async function withFaults(files: Readonly<Record<string, string | Buffer>>) {
  const server = await startServer(repository(["echo_int32"], files), { exitOnError: false, hints: true });
  try {
    const answer = await server.post("/v2/models/echo_int32/infer", infer);
    expect(answer).toMatchObject({ status: 200, body: { outputs: [{ name: "OUTPUT0", data: [1, 2, 3, 4] }] } });
    const index = (await server.post("/v2/repository/index", {})).body as {
      name: string;
      state?: string;
      reason?: string;
    }[];
    const ready = await fetch(`${server.http}/v2/health/ready`);
    return { index, log: server.log.join(""), ready: ready.status };
  } finally {
    await server.stop();
  }
}

test("a truncated ONNX file is the fault of its model alone", async () => {
  const config = calcConfig.replaceAll("calc_fp32", "broken");
  const { index, ready } = await withFaults({
    "broken/config.pbtxt": config,
    "broken/1/model.onnx": onnx.subarray(0, onnx.length / 2),
  });
  expect(index.find(({ name }) => name === "broken")).toMatchObject({
    state: "UNAVAILABLE",
    reason: expect.stringMatching(/^Internal: onnx runtime error \d+: .*Protobuf parsing failed/s),
  });
  expect(ready).toBe(400);
});

test("a corrupt plan is named with its file", async () => {
  const config =
    'name: "shop"\nbackend: "merlon"\nmax_batch_size: 4\ninput [ { name: "id" data_type: TYPE_INT64 dims: [1] } ]\noutput [ { name: "o" data_type: TYPE_INT64 dims: [-1] } ]\n';
  const { index } = await withFaults({
    "shop/config.pbtxt": config,
    "shop/1/plan.json": '{"format": "merlon/plan", "version": 1',
  });
  expect(index.find(({ name }) => name === "shop")).toMatchObject({
    state: "UNAVAILABLE",
    reason: expect.stringMatching(/plan\.json is not JSON/),
  });
});

test("a field that config.pbtxt does not have is named by line and column", async () => {
  const { index, log } = await withFaults({
    "typo/config.pbtxt": 'name: "typo"\nbackend: "identity"\ninput [\n  { name: "INPUT0" dim: [1] }\n]\n',
    "typo/1/.keep": "",
  });
  expect(index.find(({ name }) => name === "typo")).toEqual({ name: "typo" });
  expect(log).toMatch(/typo\/config\.pbtxt:4:20: ModelInput has no field `dim`/);
});

test("configurations that do not fit their graph are refused with Triton's texts", async () => {
  const change = (from: string, to: string): string => calcConfig.replaceAll("calc_fp32", "m").replace(from, to);
  const faults = {
    "unexpected inference input 'OTHER', allowed inputs are: LEFT, RIGHT": change('"LEFT"', '"OTHER"'),
    "unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'LEFT', model provides TYPE_FP32":
      change("TYPE_FP32", "TYPE_INT32"),
    "the model expects 2 dimensions (shape [-1,4]) but the model configuration specifies 3 dimensions": change(
      "dims: [4]",
      "dims: [4, 1]",
    ),
    "unable to find backend library for backend 'tensorrt_llm', try specifying runtime on the model configuration.":
      change('"onnxruntime"', '"tensorrt_llm"'),
  };
  for (const [reason, config] of Object.entries(faults)) {
    const { index } = await withFaults({ "m/config.pbtxt": config, "m/1/model.onnx": onnx });
    expect(index.find(({ name }) => name === "m")?.reason).toContain(reason);
  }
});

test("with exit-on-error, a fault at the start leaves nothing running", async () => {
  const folder = repository(["echo_int32"], {
    "broken/config.pbtxt": calcConfig.replaceAll("calc_fp32", "broken"),
    "broken/1/model.onnx": "no",
  });
  await expect(startServer(folder)).rejects.toThrow("failed to load all models");
});

test("a repository that is not there is named", async () => {
  await expect(startServer("/nowhere/models")).rejects.toThrow("failed to stat file /nowhere/models");
});

test("a runtime is the backend's own library, by any path; another backend's is outside of the folder", async () => {
  const withRuntime = (name: string, runtime: string) => ({
    [`${name}/config.pbtxt`]: `name: "${name}"\nbackend: "identity"\nruntime: "${runtime}"\nmax_batch_size: 4\ninput [ { name: "INPUT0" data_type: TYPE_INT32 dims: [4] } ]\noutput [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [4] } ]\n`,
    [`${name}/1/.keep`]: "",
  });
  const { index } = await withFaults({
    ...withRuntime("own", "../identity/libtriton_identity.so"),
    ...withRuntime("other", "../onnxruntime/libtriton_onnxruntime.so"),
    ...withRuntime("none", "sub/libtriton_identity.so"),
    // special_cases/runtime_escape of qa/L0_model_config.
    ...withRuntime("escape", "../dummy_runtime/libtriton_identity.so"),
    "escape/dummy_runtime/libtriton_identity.so": "",
    // There is a file, and the error does not reveal it.
    ...withRuntime("outside", "../../escape/dummy_runtime/libtriton_identity.so"),
  });
  const reasonOf = (model: string) => index.find(({ name }) => name === model)?.reason;
  expect(reasonOf("own")).toBeUndefined();
  expect(reasonOf("other")).toBe(
    "Invalid argument: backend library name '../onnxruntime/libtriton_onnxruntime.so' escapes backend directory '/opt/tritonserver/backends/identity', for model 'other', check model config runtime field",
  );
  expect(reasonOf("escape")).toMatch(
    /backend library name '\.\.\/dummy_runtime\/libtriton_identity\.so' escapes backend directory '.*\/escape\/1', for model 'escape'/,
  );
  expect(reasonOf("outside")).toMatch(
    "unable to find backend library '../../escape/dummy_runtime/libtriton_identity.so'",
  );
  expect(reasonOf("none")).toMatch("Invalid argument: unable to find backend library 'sub/libtriton_identity.so'");
});
