/**
 * Requests of the load generator, and models that do nothing: what is measured is the wire.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encode } from "../../../dist/triton-protos/proto-root.js";

export const SMALL = 16;
/** 1 MB of FP32. */
export const LARGE = 2 ** 18;

export function write(folder, files) {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** A configuration of one input and one output of FP32. */
export const config = (name, head, [input, from], [output, to], rest = "") =>
  `name: "${name}"\n${head}\ninput [ { name: "${input}" data_type: TYPE_FP32 dims: [ ${from} ] } ]\n` +
  `output [ { name: "${output}" data_type: TYPE_FP32 dims: [ ${to} ] } ]\n${rest}\n`;
export const identity = (name, size, rows = 8, instances = 1) => ({
  [`${name}/config.pbtxt`]: config(
    name,
    `backend: "identity" max_batch_size: ${rows}`,
    ["INPUT0", size],
    ["OUTPUT0", size],
    `instance_group [ { count: ${instances} kind: KIND_CPU } ]`,
  ),
  [`${name}/1/.keep`]: "",
});
export const merlonRepository = folder =>
  write(folder, { ...identity("identity", SMALL), ...identity("identity_1mb", LARGE) });

/** A request as the bytes of a gRPC call: prefix and message. */
export function grpcCall(request) {
  const message = encode("inference.ModelInferRequest", request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const valuesOf = size => Array.from({ length: size }, (_, i) => (i % 100) / 4);
const floats = size => Buffer.from(Float32Array.from(valuesOf(size)).buffer);

/** Rows of FP32. */
export const grpcBody = (model, input, size, rows = 1) =>
  grpcCall({
    model_name: model,
    inputs: [{ name: input, datatype: "FP32", shape: [rows, size] }],
    raw_input_contents: [floats(rows * size)],
  });
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
const jsonBody = size =>
  JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, size], data: valuesOf(size) }] });

/** Adds workloads of the load generator. @param scratch where their bodies are written */
export function workloadsIn(scratch) {
  const all = [];
  const add = (workload, bytes) => {
    const body = join(scratch, `${all.length}.body`);
    writeFileSync(body, bytes);
    all.push({ ...workload, body });
  };
  const http = (name, model, headers, bytes, more = {}) =>
    add({ name: `HTTP ${name}`, protocol: "http", path: `/v2/models/${model}/infer`, headers, ...more }, bytes);
  return {
    all,
    grpc: (name, bytes, more = {}) =>
      add(
        {
          name: `gRPC ${name}`,
          protocol: "grpc",
          path: "/inference.GRPCInferenceService/ModelInfer",
          headers: { "content-type": "application/grpc", te: "trailers" },
          ...more,
        },
        bytes,
      ),
    json: (name, model, size) => http(name, model, { "content-type": "application/json" }, jsonBody(size)),
    binary: (name, model, { bytes, length }, more) =>
      http(
        name,
        model,
        { "content-type": "application/octet-stream", "inference-header-content-length": String(length) },
        bytes,
        more,
      ),
  };
}

/** The load generator's target for a workload. */
export const targetOf = (server, { protocol, path, body, headers }) => ({
  ...{ url: `http://127.0.0.1:${server[protocol]}${path}`, body, headers, http1: protocol === "http" },
});
