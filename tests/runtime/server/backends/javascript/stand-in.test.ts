/**
 * A JavaScript module that stands in for a backend that isn't here, and one that fills in its configuration.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConfigBuilder, ModelTensorSpec } from "#runtime/server/backends/javascript/api.js";
import { createBuilder } from "#runtime/server/backends/javascript/config-builder.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { repository, startServer } from "../../support.js";

const ECHO = `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`;
const TENSORS = `
input [ { name: "X" data_type: TYPE_INT32 dims: [-1] } ]
output [ { name: "Y" data_type: TYPE_INT32 dims: [-1] } ]`;

const files = {
  "py/config.pbtxt": `name: "py" backend: "python" parameters { key: "merlon_stand_in" value { string_value: "model.mjs" } } ${TENSORS}`,
  "py/1/model.py": "class TritonPythonModel:\n    pass\n",
  "py/1/model.mjs": ECHO,
  "silent/config.pbtxt": `name: "silent" backend: "python" ${TENSORS}`,
  "silent/1/model.py": "class TritonPythonModel:\n    pass\n",
  "silent/1/model.mjs": ECHO,
  "wrong/config.pbtxt": `name: "wrong" backend: "python" parameters { key: "merlon_stand_in" value { string_value: "../x.mjs" } } ${TENSORS}`,
  "wrong/1/model.py": "class TritonPythonModel:\n    pass\n",
  "lone/config.pbtxt": `name: "lone" backend: "python" ${TENSORS}`,
  "lone/1/model.py": "class TritonPythonModel:\n    pass\n",
  "auto/1/model.mjs": `${ECHO}
    export function autoCompleteConfig(builder) {
      builder.addInput({ name: "X", data_type: "TYPE_INT32", dims: [-1] });
      builder.addOutput({ name: "Y", data_type: "TYPE_INT32", dims: [-1] });
      builder.setMaxBatchSize(8);
      builder.setDynamicBatching();
    }`,
  "apart/1/model.mjs": `import { sep } from "node:path";\nexport * from "./parts.mjs";\n`,
  "apart/1/parts.mjs": `${ECHO}
    export function autoCompleteConfig(builder) {
      builder.addInput({ name: "X", data_type: "TYPE_INT32", dims: [-1] });
      builder.addOutput({ name: "Y", data_type: "TYPE_INT32", dims: [-1] });
    }`,
  "plain/config.pbtxt": `name: "plain" backend: "javascript" instance_group [ { count: 1 kind: KIND_CPU } ] ${TENSORS}`,
  // Loaded once: a model that completes nothing is not called in a thread of its own.
  "plain/1/model.mjs": `import { appendFileSync } from "node:fs";
    appendFileSync(new URL("loads.txt", import.meta.url), "load\\n");
    ${ECHO}`,
  "liar/config.pbtxt": `name: "liar" backend: "javascript" ${TENSORS}`,
  "liar/1/model.mjs": `${ECHO}
    export const autoCompleteConfig = builder => builder.addInput({ name: "X", data_type: "TYPE_INT32", dims: [3] });`,
};

const folder = repository([], files);
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(folder, { exitOnError: false });
});
afterAll(() => server.stop());

const ask = (model: string, shape: readonly number[]) =>
  server.post(`/v2/models/${model}/infer`, { inputs: [{ name: "X", shape, datatype: "INT32", data: [1, 2] }] });
const reason = async (model: string): Promise<string | undefined> => {
  const { body } = await server.post("/v2/repository/index", {});
  return (body as { name: string; reason?: string }[]).find(({ name }) => name === model)?.reason;
};

test("model.mjs answers for model.py if config.pbtxt says so, under the configuration as it is written", async () => {
  expect(await ask("py", [2])).toMatchObject({ status: 200, body: { outputs: [{ name: "Y", data: [1, 2] }] } });
  const { body } = await server.json("/v2/models/py/config");
  expect(body).toMatchObject({ backend: "python", default_model_filename: "model.py" });
});

test("without the parameter, model.mjs is not run", async () => {
  expect(await reason("silent")).toMatch(/unable to find backend library for backend 'python'/);
  expect(await reason("wrong")).toMatch(/parameter 'merlon_stand_in' of model 'wrong' is '..\/x.mjs'/);
});

test("under a mock flag, every model.mjs answers", async () => {
  const mocked = await startServer(folder, { exitOnError: false, mockStandIns: true, modelControlMode: "explicit" });
  try {
    expect(await mocked.post("/v2/repository/models/silent/load", {})).toMatchObject({ status: 200 });
    expect((await mocked.post("/v2/repository/models/lone/load", {})).status).toBe(400);
  } finally {
    await mocked.stop();
  }
});

test("without one, the model is refused as Triton refuses a backend that is missing", async () => {
  expect(await reason("lone")).toBe(
    "Invalid argument: unable to find backend library for backend 'python', try specifying runtime on the model configuration.",
  );
});

test("a module without a configuration says its own", async () => {
  expect(await ask("auto", [1, 2])).toMatchObject({
    status: 200,
    body: { outputs: [{ shape: [1, 2], data: [1, 2] }] },
  });
  const { body } = await server.json("/v2/models/auto/config");
  expect(body).toMatchObject({ max_batch_size: 8, dynamic_batching: { preferred_batch_size: [8] } });
});

test("one whose parts lie in another file does too", async () => {
  expect(await ask("apart", [2])).toMatchObject({ status: 200, body: { outputs: [{ name: "Y", data: [1, 2] }] } });
});

test("a module that completes nothing is loaded by its instance alone", async () => {
  expect(await ask("plain", [2])).toMatchObject({ status: 200 });
  expect(readFileSync(join(folder, "plain/1/loads.txt"), "utf8")).toBe("load\n");
});

test("a module that contradicts its configuration is refused with both", async () => {
  expect(await reason("liar")).toMatch(
    /^Internal: ValueError: model 'liar', tensor 'X': the model expects dims \[3\] but the model configuration specifies dims \[-1\]/,
  );
});

// Texts and rules of qa/L0_model_config (autofill_noplatform/python), whose `expected` files these are, and of Python's back end.
test.each<[string, string, (builder: ConfigBuilder) => void]>([
  [
    "configuration specified max_batch_size 6, but in auto-complete-config function for model 'm' specified max_batch_size 4",
    "max_batch_size: 6",
    builder => builder.setMaxBatchSize(4),
  ],
  [
    "Configuration specified scheduling_choice as 'sequence_batching', but auto-complete-config function for model 'm' tries to set scheduling_choice as 'dynamic_batching'",
    "sequence_batching { }",
    builder => builder.setDynamicBatching(),
  ],
  [
    "unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'X', model provides TYPE_FP32",
    'input { name: "X" data_type: TYPE_INT32 dims: [4] }',
    builder => builder.addInput({ name: "X", data_type: "TYPE_FP32", dims: [4] }),
  ],
  [
    "model 'm', tensor 'Y': the model expects dims [4] but the model configuration specifies dims [16, 2]",
    'output { name: "Y" data_type: TYPE_FP32 dims: [16, 2] }',
    builder => builder.addOutput({ name: "Y", data_type: "TYPE_FP32", dims: [4] }),
  ],
  [
    "model 'm', tensor 'X': the model expects optional True but the model configuration specifies optional False",
    'input { name: "X" data_type: TYPE_FP32 dims: [4] }',
    builder => builder.addInput({ name: "X", data_type: "TYPE_FP32", dims: [4], optional: true }),
  ],
  [
    "input 'X' in auto-complete-config function for model 'm' is missing 'data_type' property.",
    "",
    builder => builder.addInput({ name: "X", dims: [4] } as unknown as ModelTensorSpec),
  ],
  [
    "output 'Y' in auto-complete-config function for model 'm' is missing 'dims' property.",
    "",
    builder => builder.addOutput({ name: "Y", data_type: "TYPE_FP32" } as unknown as ModelTensorSpec),
  ],
  [
    "output in auto-complete-config function for model 'm' is missing 'name' property.",
    "",
    builder => builder.addOutput({ data_type: "TYPE_FP32", dims: [4] } as unknown as ModelTensorSpec),
  ],
  [
    "output 'Y' in auto-complete-config function for model 'm' contains property other than 'name', 'data_type' and 'dims'.",
    "",
    builder => builder.addOutput({ name: "Y", data_type: "TYPE_FP32", dims: [4], optional: true }),
  ],
  [
    "trying to change decoupled property in auto-complete-config for model 'm', which is already set to 'False'.",
    "model_transaction_policy { decoupled: false }",
    builder => builder.setDecoupled(true),
  ],
])("autoCompleteConfig: %s", (text, config, fill) => {
  expect(() => fill(createBuilder(parseModelConfig(`name: "m" ${config}`, "m")))).toThrow(
    expect.objectContaining({ name: "ValueError", message: text }),
  );
});

// incomplete_input and incomplete_output of qa/L0_model_config, and a larger batch.
test("autoCompleteConfig completes a tensor of the configuration", () => {
  const builder = createBuilder(
    parseModelConfig('name: "m" max_batch_size: 2 input { name: "X" } output { name: "Y" data_type: TYPE_INT8 }', "m"),
  );
  builder.setMaxBatchSize(4);
  builder.addInput({ name: "X", data_type: "TYPE_FP32", dims: [4] });
  builder.addOutput({ name: "Y", data_type: "TYPE_INT8", dims: [-1] });
  expect(builder.config).toMatchObject({
    max_batch_size: 4,
    input: [{ name: "X", data_type: "TYPE_FP32", dims: [4], optional: false }],
    output: [{ name: "Y", data_type: "TYPE_INT8", dims: [-1] }],
  });
});
