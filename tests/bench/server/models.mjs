/**
 * The models under measurement: one repository for Merlon, one with Python counterparts for Triton, and the requests.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode } from "../../../dist/triton-protos/proto-root.js";
import { BARE_GRPC, BARE_HTTP, FLOOR } from "./processes.mjs";

const ONNX = fileURLToPath(new URL("../../conformance/data/protocol/models/calc_fp32", import.meta.url));
export const SMALL = 16;
/** 1 MB of FP32. */
export const LARGE = 2 ** 18;

const tensor = (name, size) => `{ name: "${name}" data_type: TYPE_FP32 dims: [ ${size} ] }`;
const config = (name, backend, size) => `name: "${name}"
${backend}
max_batch_size: 8
input [ ${tensor("INPUT0", size)} ]
output [ ${tensor("OUTPUT0", size)} ]
`;
const cpu = "instance_group [ { count: 1 kind: KIND_CPU } ]";
const step = (model, from, to) => `{
    model_name: "${model}" model_version: -1
    input_map { key: "INPUT0" value: "${from}" } output_map { key: "OUTPUT0" value: "${to}" }
  }`;
const ensemble = (name, member, size = SMALL) =>
  config(name, 'platform: "ensemble"', size) +
  `ensemble_scheduling { step [ ${step(member, "INPUT0", "FIRST")}, ${step(member, "FIRST", "SECOND")}, ${step(member, "SECOND", "OUTPUT0")} ] }\n`;

function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const SCRIPT = `export const execute = requests =>
  requests.map(({ inputs }) => ({ outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] }));
`;

export function merlonRepository(folder) {
  write(folder, {
    "identity/config.pbtxt": config("identity", `backend: "identity" ${cpu}`, SMALL),
    "identity/1/.keep": "",
    "identity_1mb/config.pbtxt": config("identity_1mb", `backend: "identity" ${cpu}`, LARGE),
    "identity_1mb/1/.keep": "",
    "three_steps/config.pbtxt": ensemble("three_steps", "identity"),
    "three_steps/1/.keep": "",
    "scripted/config.pbtxt": config("scripted", `backend: "javascript" ${cpu}`, SMALL),
    "scripted/1/model.mjs": SCRIPT,
    "scripted_1mb/config.pbtxt": config("scripted_1mb", `backend: "javascript" ${cpu}`, LARGE),
    "scripted_1mb/1/model.mjs": SCRIPT,
    "three_scripts/config.pbtxt": ensemble("three_scripts", "scripted"),
    "three_scripts/1/.keep": "",
  });
  cpSync(ONNX, join(folder, "calc_fp32"), { recursive: true });
  return folder;
}

const PYTHON = `import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([
                pb_utils.Tensor("OUTPUT0", pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy())
            ])
            for request in requests
        ]
`;

/** Triton's Python back end under the names of our JavaScript models. */
export const tritonRepository = folder =>
  write(folder, {
    "scripted/config.pbtxt": config("scripted", `backend: "python" ${cpu}`, SMALL),
    "scripted/1/model.py": PYTHON,
    "scripted_1mb/config.pbtxt": config("scripted_1mb", `backend: "python" ${cpu}`, LARGE),
    "scripted_1mb/1/model.py": PYTHON,
    "three_scripts/config.pbtxt": ensemble("three_scripts", "scripted"),
    "three_scripts/1/.keep": "",
  });

/**
 * Models of tensors of this size, for Merlon and for Triton's Python back end: `scripted_SIZE`, the ensemble `three_scripts_SIZE`, and for
 * Merlon `identity_SIZE`.
 */
export function sizedRepositories(folder, sizes) {
  const [merlon, triton] = [join(folder, "merlon"), join(folder, "triton")];
  for (const bytes of sizes) {
    const size = bytes / 4;
    const both = {
      [`three_scripts_${bytes}/config.pbtxt`]: ensemble(`three_scripts_${bytes}`, `scripted_${bytes}`, size),
      [`three_scripts_${bytes}/1/.keep`]: "",
    };
    write(merlon, {
      ...both,
      [`identity_${bytes}/config.pbtxt`]: config(`identity_${bytes}`, `backend: "identity" ${cpu}`, size),
      [`identity_${bytes}/1/.keep`]: "",
      [`scripted_${bytes}/config.pbtxt`]: config(`scripted_${bytes}`, `backend: "javascript" ${cpu}`, size),
      [`scripted_${bytes}/1/model.mjs`]: SCRIPT,
    });
    write(triton, {
      ...both,
      [`scripted_${bytes}/config.pbtxt`]: config(`scripted_${bytes}`, `backend: "python" ${cpu}`, size),
      [`scripted_${bytes}/1/model.py`]: PYTHON,
    });
  }
  return { merlon, triton };
}

/** A request as the bytes of a gRPC call: prefix and message. */
export function grpcCall(request) {
  const message = encode("inference.ModelInferRequest", request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Rows of FP32. */
export const grpcBody = (model, inputs, size, rows = 1) =>
  grpcCall({
    model_name: model,
    inputs: inputs.map(name => ({ name, datatype: "FP32", shape: [rows, size] })),
    raw_input_contents: inputs.map(() => floats(rows * size)),
  });

const floats = size => Buffer.from(Float32Array.from({ length: size }, (_, i) => (i % 100) / 4).buffer);

const jsonBody = size =>
  Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: "INPUT0",
          datatype: "FP32",
          shape: [1, size],
          data: Array.from({ length: size }, (_, i) => (i % 100) / 4),
        },
      ],
    }),
  );

/** The same over HTTP. */
export const binaryBody = (size, name = "INPUT0", rows = 1) =>
  binaryRequest([{ name, datatype: "FP32", shape: [rows, size], data: floats(rows * size) }]);

/** A request over HTTP whose tensors follow JSON of this length. */
export function binaryRequest(tensors) {
  const inputs = tensors.map(({ data, ...form }) => ({ ...form, parameters: { binary_data_size: data.length } }));
  const head = JSON.stringify({ inputs, parameters: { binary_data_output: true } });
  return {
    bytes: Buffer.concat([Buffer.from(head), ...tensors.map(({ data }) => data)]),
    length: Buffer.byteLength(head),
  };
}

/**
 * The measurements: for each, the servers and the request.
 * @param scratch where the bodies are written for the load generator
 */
export function workloads(scratch) {
  const all = [];
  const add = (name, servers, request, bytes) => {
    const body = join(scratch, `${all.length}.body`);
    writeFileSync(body, bytes);
    all.push({ name, servers, ...request, body, size: bytes.length });
  };
  const grpc = (name, servers, model, inputs, size) =>
    add(
      name,
      servers,
      {
        protocol: "grpc",
        path: "/inference.GRPCInferenceService/ModelInfer",
        headers: { "content-type": "application/grpc", te: "trailers" },
      },
      grpcBody(model, inputs, size),
    );
  const http = (name, servers, model, bytes, headers) =>
    add(name, servers, { protocol: "http", path: `/v2/models/${model}/infer`, headers }, bytes);
  const binary = (name, servers, model, size) => {
    const { bytes, length } = binaryBody(size);
    http(name, servers, model, bytes, {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(length),
    });
  };
  const json = { "content-type": "application/json" };
  const [ours, beside, python] = [["merlon"], ["merlon", "grpc-js echo"], ["merlon", "Triton 2.51"]];
  const bounded = servers => [...servers, FLOOR];
  grpc("gRPC identity FP32[16]", [...beside, BARE_GRPC], "identity", ["INPUT0"], SMALL);
  grpc("gRPC identity 1 MB", bounded(beside), "identity_1mb", ["INPUT0"], LARGE);
  grpc("gRPC ONNX FP32[4]", beside, "calc_fp32", ["LEFT", "RIGHT"], 4);
  grpc("gRPC 3-step ensemble", beside, "three_steps", ["INPUT0"], SMALL);
  http("HTTP JSON identity FP32[16]", ours, "identity", jsonBody(SMALL), json);
  binary("HTTP binary identity FP32[16]", [...ours, BARE_HTTP], "identity", SMALL);
  http("HTTP JSON identity 1 MB", ours, "identity_1mb", jsonBody(LARGE), json);
  binary("HTTP binary identity 1 MB", ours, "identity_1mb", LARGE);
  grpc("gRPC scripted identity FP32[16]", python, "scripted", ["INPUT0"], SMALL);
  grpc("gRPC scripted 3-step ensemble", python, "three_scripts", ["INPUT0"], SMALL);
  grpc("gRPC scripted identity 1 MB", bounded(python), "scripted_1mb", ["INPUT0"], LARGE);
  http("HTTP JSON scripted identity FP32[16]", python, "scripted", jsonBody(SMALL), json);
  binary("HTTP binary scripted identity FP32[16]", python, "scripted", SMALL);
  http("HTTP JSON scripted identity 1 MB", python, "scripted_1mb", jsonBody(LARGE), json);
  binary("HTTP binary scripted identity 1 MB", python, "scripted_1mb", LARGE);
  return all;
}
