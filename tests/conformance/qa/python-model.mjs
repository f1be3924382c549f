/**
 * Replaces Triton's Python back end for one of its suites: a JavaScript model that runs `model.py` beside it in a Python process of its
 * own. One message a line in both directions, JSON; tensors are the wire's bytes in base64.
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HOST = fileURLToPath(new URL("host.py", import.meta.url));
const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/** @param url of the module in the version folder @returns the functions that a JavaScript model exports */
export function pythonModel(url) {
  const folder = dirname(fileURLToPath(url));
  let python;
  return {
    async autoCompleteConfig(builder) {
      const host = start(folder, () => {});
      try {
        for (const [call, value] of await host.call({ complete: builder.config })) builder[call](value);
      } finally {
        await host.end();
      }
    },
    async initialize(context) {
      const requests = new Map();
      python = start(folder, message => serve(message, requests, context, reply => python.tell(reply)));
      python.requests = requests;
      await python.call({
        initialize: {
          model_name: context.name,
          model_version: String(context.version),
          model_instance_name: context.instance,
          model_instance_kind: "CPU",
          model_instance_device_id: "0",
          model_repository: dirname(folder),
          model_config: JSON.stringify(context.config),
        },
      });
    },
    async execute(requests, { config }) {
      const decoupled = config.model_transaction_policy?.decoupled === true;
      const sent = requests.map(request => {
        const handle = python.next++;
        python.requests.set(handle, decoupled ? request : collector(request));
        if (decoupled) request.hold();
        return describe(request, handle);
      });
      try {
        const answers = await python.call({ execute: sent });
        if (decoupled) return undefined;
        // A model that returns nothing answers through response senders, here too.
        return answers
          ? answers.map(toResponse)
          : await Promise.all(sent.map(({ handle }) => python.requests.get(handle).answer));
      } catch (error) {
        for (const request of decoupled ? requests : []) {
          request.send({ error: error.message });
          request.close();
        }
        if (!decoupled) throw error;
        return undefined;
      } finally {
        if (!decoupled) for (const { handle } of sent) python.requests.delete(handle);
      }
    },
    async finalize() {
      await python?.end();
    },
  };
}

function start(folder, onMessage) {
  const child = spawn(process.env.QA_PYTHON ?? "python3", ["-u", HOST, folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map();
  const gone = new Promise(resolve => child.once("exit", resolve));
  const failAll = () => {
    for (const { reject } of waiting.values()) reject(new Error("Stub process is not healthy."));
    waiting.clear();
  };
  child.once("exit", failAll);
  child.stdin.on("error", failAll);
  createInterface({ input: child.stdout }).on("line", line => {
    const message = JSON.parse(line);
    if (message.call === undefined) return onMessage(message);
    const { resolve, reject } = waiting.get(message.call);
    waiting.delete(message.call);
    if (message.error !== undefined) reject(new Error(message.error));
    else resolve(message.result);
  });
  const tell = message => child.stdin.write(`${JSON.stringify(message, plain)}\n`);
  return {
    next: 1,
    tell,
    call(message) {
      const call = this.next++;
      return new Promise((resolve, reject) => {
        waiting.set(call, { resolve, reject });
        tell({ call, ...message });
      });
    },
    async end() {
      child.stdin.end();
      await gone;
    },
  };
}

/** Messages of the model while it runs: responses of decoupled requests, calls of other models, questions about cancellation. */
async function serve(message, requests, context, tell) {
  const request = requests.get(message.handle);
  if (message.send) request?.send(toResponse(message.send));
  if (message.close) {
    request?.close();
    requests.delete(message.handle);
  }
  if (message.reschedule) request?.reschedule();
  if (message.cancelled) tell({ reply: message.cancelled, result: request?.isCancelled() ?? false });
  if (!message.infer) return;
  const { reply, stream, model, version, id, inputs, outputs, trace } = message.infer;
  const of = requests.get(trace);
  const call = {
    ...{ model, id, outputs, inputs: inputs.map(toTensor) },
    ...(version > 0 && { version }),
    ...(of && { request: of.request ?? of }),
  };
  const answers = [];
  try {
    if (stream) for await (const answer of context.stream(call)) answers.push(answer);
    else answers.push(await context.infer(call));
    tell({ reply, result: answers.map(answer => ({ outputs: Object.values(answer.outputs).map(fromTensor) })) });
  } catch (error) {
    tell({ reply, result: [...answers.map(fromTensor), { error: error.message }] });
  }
}

/** A request whose one response is what its sender was given. */
function collector(request) {
  let response = { outputs: [] };
  let close;
  const answer = new Promise(resolve => {
    close = () => resolve(response);
  });
  const send = sent => {
    response = sent;
  };
  const [isCancelled, reschedule] = [() => request.isCancelled(), () => request.reschedule()];
  return { request, answer, send, close, isCancelled, reschedule };
}

const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);

const describe = (request, handle) => ({
  handle,
  id: request.id,
  correlation_id: request.correlationId,
  flags: (request.start ? 1 : 0) + (request.end ? 2 : 0),
  timeout: request.timeout,
  priority: request.priority,
  parameters: request.parameters,
  traceparent: request.traceparent,
  requested: request.requestedOutputs,
  inputs: Object.values(request.inputs).map(fromTensor),
});

function fromTensor({ name, datatype, shape, data }) {
  const bytes = datatype === "BYTES" ? packTexts(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return { name, datatype, shape, data: bytes.toString("base64") };
}

function toTensor({ name, datatype, shape, data }) {
  const bytes = Buffer.from(data, "base64");
  const aligned = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return { name, datatype, shape, data: datatype === "BYTES" ? unpackTexts(bytes) : new ARRAYS[datatype](aligned) };
}

function toResponse({ outputs, error, code, parameters }) {
  if (error !== undefined) return { error, ...(code && { code }) };
  return { outputs: (outputs ?? []).map(toTensor), ...(parameters && { parameters }) };
}

function packTexts(texts) {
  return Buffer.concat(
    texts.flatMap(text => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}

function unpackTexts(bytes) {
  const texts = [];
  for (let at = 0; at < bytes.length; at += 4 + texts.at(-1).length)
    texts.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)));
  return texts;
}

/** The text of a `model.mjs` that stands in for the `model.py` beside it. */
export const STAND_IN = `import { pythonModel } from ${JSON.stringify(import.meta.url)};
export const { autoCompleteConfig, initialize, execute, finalize } = pythonModel(import.meta.url);
`;
