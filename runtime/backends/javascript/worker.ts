/**
 * The worker thread of a JavaScript model: loads `model.mjs`, runs its functions, hands answers back.
 */
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { JavaScriptModel, ModelContext, ModelRequest, ModelResponse } from "./api.js";
import { createCalls } from "./calls.js";
import { readParameters, writeParameters } from "./parameters.js";
import type { FromWorker, ToWorker, WireAnswer, WireModelRequest, WorkerStart } from "./protocol.js";
import { describeRaised } from "./raised.js";
import { fromModel, movable, toModel } from "./tensors.js";

const start = workerData as WorkerStart;
const port = parentPort!;
const post = (message: FromWorker, moved: ArrayBuffer[] = []): void => port.postMessage(message, moved);
const calls = createCalls(post);
/** `execution:request` of requests whose client has gone away. */
const cancelled = new Set<string>();
/** Answers of an execution that are not complete. */
const open = new Map<number, number>();

const context: ModelContext = {
  name: start.config.name,
  version: start.version,
  instance: start.instance,
  folder: start.folder,
  config: start.config,
  ...calls.api,
};
const decoupled = start.config.model_transaction_policy?.decoupled === true;

async function load(): Promise<JavaScriptModel> {
  const module = (await import(pathToFileURL(start.file).href)) as { default?: JavaScriptModel } & JavaScriptModel;
  const model = typeof module.execute === "function" ? module : module.default;
  if (typeof model?.execute !== "function")
    throw new TypeError(
      `${start.file} exports no function \`execute\`; write \`export function execute(requests) { … }\``,
    );
  await model.initialize?.(context);
  return model;
}

function answerOf(response: ModelResponse): WireAnswer {
  const { outputs = [], parameters = {}, error, code = "INTERNAL" } = response;
  return {
    outputs: outputs.map(fromModel),
    parameters: writeParameters(parameters),
    ...(error !== undefined && { error: { code, message: error } }),
  };
}

function send(execution: number, request: number, response: ModelResponse, again = false): void {
  const answer: WireAnswer = { ...answerOf(response), ...(again && { again }) };
  post({ kind: "send", execution, request, answer }, movable(answer.outputs));
}

interface Marks {
  /** Decoupled requests that their model closes itself. */
  readonly held: Set<number>;
  /** Requests that run once more. */
  readonly again: Set<number>;
}

function requestOf(execution: number, index: number, wire: WireModelRequest, { held, again }: Marks): ModelRequest {
  const key = `${execution}:${index}`;
  let over = false;
  const close = (): void => {
    if (over) return;
    over = true;
    if (again.has(index)) send(execution, index, {}, true);
    else post({ kind: "send", execution, request: index });
    cancelled.delete(key);
    const left = open.get(execution)! - 1;
    if (left === 0) open.delete(execution);
    else open.set(execution, left);
  };
  return {
    id: wire.id,
    parameters: readParameters(wire.parameters),
    inputs: Object.fromEntries(wire.inputs.map(tensor => [tensor.name, toModel(tensor)])),
    requestedOutputs: wire.outputs,
    correlationId: wire.correlationId,
    start: wire.start,
    end: wire.end,
    timeout: Number(wire.timeout),
    priority: Number(wire.priority),
    isCancelled: () => cancelled.has(key),
    send(response) {
      if (!decoupled) throw new Error("only a decoupled model may call `send`; return the responses instead");
      if (over) throw new Error("`send` was called after the last answer of the request");
      send(execution, index, response);
    },
    close,
    hold: () => held.add(index),
    reschedule: () => void again.add(index),
  };
}

async function execute(model: JavaScriptModel, execution: number, wire: readonly WireModelRequest[]): Promise<void> {
  open.set(execution, wire.length);
  const marks: Marks = { held: new Set(), again: new Set() };
  const requests = wire.map((request, i) => requestOf(execution, i, request, marks));
  try {
    const responses = await model.execute(requests, context);
    if (decoupled)
      requests.forEach((request, i) => {
        if (!marks.held.has(i)) request.close();
      });
    else {
      if (responses?.length !== wire.length)
        throw new RangeError(`execute returned ${responses?.length ?? "no"} responses for ${wire.length} requests`);
      responses.forEach((response, i) => {
        send(execution, i, response, marks.again.has(i));
      });
      open.delete(execution);
    }
    post({ kind: "done", execution });
  } catch (error) {
    open.delete(execution);
    post({ kind: "raised", execution, message: describeRaised(error, start.folder) });
  }
}

load().then(
  model => {
    port.on("message", (message: ToWorker) => {
      if (message.kind === "execute") void execute(model, message.execution, message.requests);
      else if (message.kind === "answer") calls.answer(message);
      else if (message.kind === "cancel") {
        if (open.has(message.execution)) cancelled.add(`${message.execution}:${message.request}`);
      } else
        Promise.resolve(model.finalize?.()).then(
          () => post({ kind: "finalized" }),
          () => post({ kind: "finalized" }),
        );
    });
    post({ kind: "ready" });
  },
  error => post({ kind: "failed", message: describeRaised(error, start.folder) }),
);
