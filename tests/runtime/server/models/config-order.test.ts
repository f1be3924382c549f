/**
 * The order in which configurations are checked, and decoupled branches of ensembles: fixtures and messages are those of Triton's L0_model_config
 * (`noautofill_platform`, `autofill_noplatform/ensemble/invalid_decoupled_branching`).
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Options, repository, startServer } from "../support.js";

async function logOf(files: Readonly<Record<string, string>>, options: Options = {}): Promise<string> {
  const server = await startServer(repository([], files), { exitOnError: false, ...options });
  await server.stop();
  return server.log.join("");
}

const tensors = (
  name: string,
  input: string,
  more = "",
): string => `name: "${name}" platform: "onnxruntime_onnx" ${more}
input [ { name: "input" ${input} } ] output [ { name: "output" data_type: TYPE_FP32 dims: [ 16 ] } ]`;

test.each([
  ["zerodims_input0", "data_type: TYPE_FP32 dims: [ 0 ]", "model input 'input' dimension must be integer >= 1, or -1"],
  ["missing_datatype", "dims: [ 16 ]", "model input 'input' must specify 'data_type'"],
  [
    "reshape_elementcount0",
    "data_type: TYPE_FP32 dims: [ 16 ] reshape { shape: [ 8 ] }",
    "model input 'input' has different size for dims and reshape for reshape_elementcount0",
  ],
])(
  "%s: configurations taken as they are written are checked before versions are looked for",
  async (name, input, text) => {
    const files = { [`${name}/config.pbtxt`]: tensors(name, input, "max_batch_size: 8") };
    expect(await logOf(files, { disableAutoComplete: true })).toContain(
      `"Poll failed for model directory '${name}': ${text}`,
    );
    expect(await logOf(files)).toContain("at least one version must be available under the version policy");
  },
);

// special_cases/invalid_platform of qa/L0_model_config; a Triton 2.73 answered the other two so.
test("a model's file determines its back end without auto-completion too, and beside an unknown platform", async () => {
  const graph = readFileSync(
    new URL("../../../conformance/data/protocol/models/calc_fp32/1/model.onnx", import.meta.url),
  );
  const calc = readFileSync(
    new URL("../../../conformance/data/protocol/models/calc_fp32/config.pbtxt", import.meta.url),
    "utf8",
  ).replace(/^(?:backend|platform):.*$/gm, "");
  const named = (name: string, more: string): Record<string, string> => ({
    [`${name}/config.pbtxt`]: `${calc.replaceAll("calc_fp32", name)}\n${more}`,
    [`${name}/1/model.onnx`]: graph as unknown as string,
  });
  const log = await logOf(
    {
      ...named("bare", ""),
      ...named("invalid_platform", 'platform: "onnxruntim" default_model_filename: "model.onnx"'),
      ...named("torch", 'platform: "foo" default_model_filename: "model.pt"'),
    },
    { disableAutoComplete: true },
  );
  expect(log).toContain("successfully loaded 'bare'");
  const refused = (name: string, pair: string) =>
    `"Poll failed for model directory '${name}': unexpected 'platform' and 'backend' pair, got:${pair}"`;
  expect(log).toContain(refused("invalid_platform", "onnxruntim, onnxruntime"));
  expect(log).toContain(refused("torch", "foo, pytorch"));
});

test("a configuration is checked before its name is compared with the directory", async () => {
  const files = { "there/config.pbtxt": tensors("other", "data_type: TYPE_FP32 dims: [ 16 ]", "max_batch_size: -1") };
  expect(await logOf(files)).toContain("'max_batch_size' must be non-negative value for other");
  const valid = { "there/config.pbtxt": tensors("other", "data_type: TYPE_FP32 dims: [ 16 ]") };
  expect(await logOf(valid)).toContain(
    "unexpected directory name 'there' for model 'other', directory name must equal model name",
  );
});

const REPEAT = `name: "repeat_int32" backend: "repeat" max_batch_size: 0 model_transaction_policy { decoupled: true }
input [ { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] }, { name: "DELAY" data_type: TYPE_UINT32 dims: [ -1 ] }, { name: "WAIT" data_type: TYPE_UINT32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] }, { name: "IDX" data_type: TYPE_UINT32 dims: [ 1 ] } ]`;
const TWO = `name: "two" backend: "identity" max_batch_size: 0
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 1 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 1 ] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 1 ] } ]`;
const map = (side: string, pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${side}_map { key: "${key}" value: "${value}" }`)
    .join(" ");
const step = (
  model: string,
  inputs: Readonly<Record<string, string>>,
  outputs: Readonly<Record<string, string>>,
): string => `{ model_name: "${model}" model_version: -1 ${map("input", inputs)} ${map("output", outputs)} }`;
const ensemble = (outputs: string, ...steps: readonly string[]): Record<string, string> => ({
  "e/config.pbtxt": `name: "e" platform: "ensemble" max_batch_size: 0 ensemble_scheduling { step [ ${steps.join(", ")} ] }
input [ { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] }, { name: "DELAY" data_type: TYPE_UINT32 dims: [ -1 ] }, { name: "WAIT" data_type: TYPE_UINT32 dims: [ 1 ] } ]
output [ ${outputs} ]`,
  "e/1/.keep": "",
  "repeat_int32/config.pbtxt": REPEAT,
  "repeat_int32/1/.keep": "",
  "two/config.pbtxt": TWO,
  "two/1/.keep": "",
});
const SAME = { IN: "IN", DELAY: "DELAY", WAIT: "WAIT" };
const out = (name: string, type = "INT32"): string => `{ name: "${name}" data_type: TYPE_${type} dims: [ 1 ] }`;
const refusal = (model: string): string =>
  `in ensemble e, step of model '${model}' receives inputs originated from different decoupled models`;

test("answers of two decoupled steps meet neither in a step nor in the ensemble's answer", async () => {
  const inStep = ensemble(
    out("OUT"),
    step("repeat_int32", SAME, { OUT: "first" }),
    step("repeat_int32", SAME, { OUT: "second" }),
    step("two", { INPUT0: "first", INPUT1: "second" }, { OUTPUT0: "a", OUTPUT1: "b" }),
    step("two", { INPUT0: "a", INPUT1: "b" }, { OUTPUT0: "OUT" }),
  );
  expect(await logOf(inStep)).toContain(refusal("two"));
  const inAnswer = ensemble(
    `${out("OUT")}, ${out("IDX", "UINT32")}`,
    step("repeat_int32", SAME, { OUT: "OUT" }),
    step("repeat_int32", SAME, { IDX: "IDX" }),
  );
  expect(await logOf(inAnswer)).toContain(refusal("e"));
  const alone = ensemble(
    `${out("OUT")}, ${out("IDX", "UINT32")}`,
    step("repeat_int32", SAME, { OUT: "OUT", IDX: "IDX" }),
  );
  expect(await logOf(alone)).not.toContain("decoupled models");
});

test("the largest number of priority levels is printed as it was written", async () => {
  const most = "18446744073709551615";
  const server = await startServer(
    repository([], {
      "most/config.pbtxt": `name: "most" backend: "identity" max_batch_size: 4
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ]
dynamic_batching { priority_levels: ${most} default_priority_level: ${most} }`,
      "most/1/.keep": "",
    }),
    { modelControlMode: "explicit", loadModels: ["most"] },
  );
  try {
    const config = await (await fetch(`${server.http}/v2/models/most/config`)).text();
    expect(config).toContain(`"priority_levels":${most},"default_priority_level":${most},`);
    // The configuration that the server gave is one that it takes.
    expect((await server.post("/v2/repository/models/most/load", { parameters: { config } })).status).toBe(200);
  } finally {
    await server.stop();
  }
});
