/** Serves hostile names and paths after a mark in the trace: the file `begin` in the temporary folder. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JAIL, onnxWithWeights, REPOSITORY, startServer, TMPDIR } from "./serve-in-jail.mjs";

const TENSORS = {
  input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: [4] }],
  output: [{ name: "OUTPUT0", data_type: "TYPE_INT32", dims: [4] }],
};
const config = more => JSON.stringify({ backend: "identity", max_batch_size: 8, ...TENSORS, ...more });
const ECHO =
  'export const execute = requests => requests.map(({ inputs: { INPUT0 } }) => ({ outputs: [{ ...INPUT0, name: "OUTPUT0" }] }));';
cpSync(
  fileURLToPath(new URL("../../conformance/data/protocol/models/echo_int32", import.meta.url)),
  join(REPOSITORY, "echo_int32"),
  { recursive: true },
);
mkdirSync(join(REPOSITORY, "script", "1"), { recursive: true });
writeFileSync(join(REPOSITORY, "script", "config.pbtxt"), config({ backend: "javascript" }));
writeFileSync(join(REPOSITORY, "script", "1", "model.mjs"), ECHO);
const server = await startServer({ loadModels: ["echo_int32", "script"], trace: { file: "" } });
// ONNX Runtime, and all other code for a first upload, is loaded before the mark.
await server.http(
  "POST",
  "/v2/repository/models/first/load",
  JSON.stringify({ parameters: { config: config({ backend: "onnxruntime" }), "file:1/model.onnx": "AAAA" } }),
);
writeFileSync(join(TMPDIR, "begin"), "");

const SECRET = join(JAIL, "sentinel");
const UP = "../../../../../../../../../..";
// biome-ignore format: one list
const NAMES = [".", "..", "", " ", "../sentinel", "../../sentinel", SECRET, UP + SECRET, `echo_int32/${UP}${SECRET}`, "%2e%2e%2fsentinel", "..\\sentinel", "\0", "/proc/self/environ", "/etc/passwd", "x".repeat(5000),
  "__proto__", "．．/sentinel"];
const fields = path => [
  config({ name: path }),
  config({ default_model_filename: path }),
  config({ backend: "onnxruntime", default_model_filename: path }),
  config({ backend: "javascript", default_model_filename: path }),
  config({ backend: "merlon" }),
  config({ output: [{ ...TENSORS.output[0], label_filename: path }] }),
  config({ cc_model_filenames: { 7.5: path } }),
  config({ runtime: path }),
  config({ model_operations: { op_library_filename: [path] } }),
  config({ backend: "mock", parameters: { mock: { string_value: JSON.stringify({ function: path }) } } }),
  config({
    parameters: { merlon_stand_in: { string_value: path }, TRITON_BATCH_STRATEGY_PATH: { string_value: path } },
  }),
  config({
    model_warmup: [
      {
        name: "w",
        batch_size: 1,
        inputs: { INPUT0: { data_type: "TYPE_INT32", dims: [4], input_data_file: path } },
      },
    ],
  }),
  config({
    sequence_batching: {
      state: [
        {
          input_name: "S",
          output_name: "T",
          data_type: "TYPE_INT32",
          dims: [1],
          initial_state: [{ name: "s", data_type: "TYPE_INT32", dims: [1], data_file: path }],
        },
      ],
    },
  }),
];
let sent = 0;
const post = async (path, body) => {
  sent++;
  return server.http("POST", path, body);
};
const plan = path =>
  JSON.stringify({
    format: "merlon/plan",
    version: 1,
    kind: "ensemble",
    name: "up",
    inputs: [{ name: "INPUT0", dtype: "int32", rows: "request" }],
    steps: [
      {
        id: "a",
        op: "transformWorkflow",
        label: "a",
        params: { path: "x" },
        artefacts: { workflow: path },
        inputs: { input: [{ step: "request", column: "INPUT0" }] },
        outputs: [],
      },
    ],
    outputs: [],
  });
for (const name of NAMES) {
  const spelled = /[\0-\x20\x7f]/.test(name) ? encodeURIComponent(name) : name;
  for (const files of [{}, { "file:1/x": "AAAA" }]) {
    const body = JSON.stringify({ parameters: { config: config(), ...files } });
    await post(`/v2/repository/models/${spelled}/load`, body);
    await server.grpc("RepositoryModelLoad", "RepositoryModelLoadRequest", {
      model_name: name,
      parameters: {
        config: { string_param: config() },
        ...(files["file:1/x"] && { "file:1/x": { bytes_param: Buffer.from("x") } }),
      },
    });
  }
  for (const route of ["", "/config", "/stats", "/ready"]) await server.http("GET", `/v2/models/${spelled}${route}`);
  await post(`/v2/models/${spelled}/infer`, "{}");
  await server.grpc("ModelInfer", "ModelInferRequest", { model_name: name });
  for (const text of fields(name))
    for (const files of [{}, { "file:1/x": "AAAA" }])
      await post("/v2/repository/models/echo_int32/load", JSON.stringify({ parameters: { config: text, ...files } }));
  await post(
    "/v2/repository/models/up/load",
    JSON.stringify({ parameters: { config: config(), [`file:${name}`]: "AAAA" } }),
  );
  await post(
    "/v2/repository/models/up/load",
    JSON.stringify({
      parameters: {
        config: config({ backend: "merlon" }),
        "file:1/plan.json": Buffer.from(plan(name)).toString("base64"),
      },
    }),
  );
  await post(
    "/v2/repository/models/up/load",
    JSON.stringify({
      parameters: {
        config: JSON.stringify({ backend: "onnxruntime" }),
        "file:1/model.onnx": Buffer.from(onnxWithWeights(name)).toString("base64"),
        "file:1/weights.bin": "AAAA",
      },
    }),
  );
  for (const [path, body] of [
    ["/v2/logging", JSON.stringify({ log_file: name })],
    ["/v2/trace/setting", JSON.stringify({ trace_file: name })],
    [`/v2/systemsharedmemory/region/${spelled}/register`, JSON.stringify({ key: name, offset: 0, byte_size: 4 })],
  ])
    await post(path, body);
}
const { status } = await server.http("GET", "/v2/health/live");
writeFileSync(join(TMPDIR, "end"), "");
await server.stop();
console.log(JSON.stringify({ sent, status }));
