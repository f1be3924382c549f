/**
 * Plays Triton's PyTorch back end for its suites: a JavaScript model that runs the ONNX graph in its version folder. Requests of a batch run as one, joined along
 * the first dimension.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

const ort = createRequire(import.meta.url)("onnxruntime-node");
/** Wire type → the runtime's. */
const TYPES = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
};
const WIRE = Object.fromEntries(Object.entries(TYPES).map(([wire, type]) => [type, wire]));
let session;

export async function initialize({ folder }) {
  session = await ort.InferenceSession.create(join(folder, "model.onnx"));
}

export async function execute(requests, { config }) {
  const batching = config.max_batch_size > 0;
  if (!batching)
    return Promise.all(
      requests.map(async ({ inputs }) => ({ outputs: (await run([inputs])).map(output => tensorOf(output)) })),
    );
  const rows = requests.map(({ inputs }) => Object.values(inputs)[0].shape[0]);
  const outputs = await run(requests.map(({ inputs }) => inputs));
  let at = 0;
  return rows.map(count => {
    const from = at;
    at += count;
    return { outputs: outputs.map(output => tensorOf(output, from, at)) };
  });
}

/** @returns the session's outputs, each with its name */
async function run(all) {
  const feeds = {};
  for (const { name, datatype, shape } of Object.values(all[0])) {
    const parts = all.map(inputs => inputs[name]);
    const dims = [parts.reduce((sum, part) => sum + part.shape[0], 0), ...shape.slice(1)];
    const whole = all.length === 1 ? [parts[0].shape, parts[0].data] : [dims, joined(parts.map(({ data }) => data))];
    const data = datatype === "BYTES" ? whole[1].map(text => text.toString("latin1")) : whole[1];
    feeds[name] = new ort.Tensor(TYPES[datatype], data, whole[0]);
  }
  const results = await session.run(feeds);
  return session.outputNames.map(name => ({ name, tensor: results[name] }));
}

function joined(parts) {
  if (Array.isArray(parts[0])) return parts.flat();
  const whole = new parts[0].constructor(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param from first row @param to the row after the last */
function tensorOf({ name, tensor: { type, dims, data } }, from = 0, to = dims[0] ?? 1) {
  const width = data.length / (dims[0] ?? 1);
  const part = data.slice(from * width, to * width);
  return {
    name,
    datatype: WIRE[type],
    shape: dims.length > 0 ? [to - from, ...dims.slice(1)] : [],
    data: type === "string" ? part.map(text => Buffer.from(text, "latin1")) : part,
  };
}
