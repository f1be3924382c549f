/**
 * On the worker's side: records of the ring → the requests that a model is given, and its responses → records.
 */
import type { ModelRequest, ModelResponse } from "./api.js";
import type { OutputPool } from "./output-pool.js";
import { readParameters, writeParameters } from "./parameters.js";
import type { AnswerRest, RequestRest, Returned, RingMessage, WireRecord } from "./protocol.js";
import { deserialize, serialize } from "./structured-bytes.js";
import { fromModel, toModel } from "./tensors.js";

const NO_REST: RequestRest = { correlationId: 0n, start: false, end: false, timeout: 0n, priority: 0n, parameters: [] };

export interface RequestContext {
  readonly decoupled: boolean;
  readonly cells: Uint8Array;
  /** Outputs of a request that names none. */
  readonly allOutputs: readonly string[];
  readonly outputPool: OutputPool;
  post(message: RingMessage): void;
}

/** How the requests of an execution are to be handled. */
export interface Marks {
  /** Decoupled requests that their model closes itself. */
  readonly held: Set<number>;
  /** Requests that run once more. */
  readonly again: Set<number>;
}

export function readRequest(
  { decoupled, cells, allOutputs, outputPool, post }: RequestContext,
  execution: number,
  index: number,
  { number: cell, id, tensors, rest: packed, buffers: lent }: WireRecord,
  { held, again }: Marks,
): ModelRequest {
  const rest = packed ? (deserialize(packed) as RequestRest) : NO_REST;
  let over = false;
  const request: ModelRequest = {
    id,
    parameters: readParameters(rest.parameters),
    inputs: Object.fromEntries(tensors.map(tensor => [tensor.name, toModel(tensor)])),
    requestedOutputs: rest.outputs ?? allOutputs,
    correlationId: rest.correlationId,
    start: rest.start,
    end: rest.end,
    timeout: Number(rest.timeout),
    priority: Number(rest.priority),
    traceparent: rest.traceparent,
    isCancelled: () => !over && Atomics.load(cells, cell) === 1,
    send(response) {
      if (!decoupled) throw new Error("only a decoupled model may call `send`; return the responses instead");
      if (over) throw new Error("`send` was called after the last answer of the request");
      post({ kind: "send", execution, slot: 0, records: [writeAnswer(response, index, outputPool)] });
    },
    close() {
      if (over) return;
      over = true;
      const returned = lent && [giveBack(index, lent)];
      const records = again.has(index) ? [writeAnswer({}, index, outputPool, { again: true })] : [];
      if (records.length > 0) post({ kind: "send", execution, slot: 0, records, ...(returned && { returned }) });
      else post({ kind: "close", execution, slot: index, records, ...(returned && { returned }) });
    },
    hold: () => held.add(index),
    reschedule: () => void again.add(index),
  };
  origins.set(request, { execution, index });
  return request;
}

/** A request's execution, and its place in it. */
interface Origin {
  readonly execution: number;
  readonly index: number;
}
const origins = new WeakMap<ModelRequest, Origin>();

/** @throws TypeError for one that the model was not given */
export function originOf(request: ModelRequest): Origin {
  const origin = origins.get(request);
  if (!origin) throw new TypeError("`request` of a call is not a request that `execute` was given");
  return origin;
}

/** Returns the loan of a model. If the model transferred it to a thread of its own, it is lost. */
export const giveBack = (request: number, lent: readonly ArrayBuffer[]): Returned => ({
  request,
  buffers: lent.map(buffer => (buffer.byteLength > 0 ? buffer : new ArrayBuffer(0))),
});

/**
 * @param about a request that runs once more, and its loan, if that is returned with this response
 * @throws Error when a tensor is not what it says
 */
export function writeAnswer(
  response: ModelResponse,
  index: number,
  outputPool: OutputPool,
  { again = false, lent = [] }: { readonly again?: boolean; readonly lent?: readonly ArrayBuffer[] | undefined } = {},
): WireRecord {
  const { outputs, parameters, error, code = "INTERNAL" } = response;
  const carried = outputs ? outputPool(outputs.map(fromModel), lent) : { tensors: [] };
  if (!parameters && error === undefined && !again) return { number: index, id: "", ...carried };
  const rest: AnswerRest = {
    ...(parameters && { parameters: writeParameters(parameters) }),
    ...(error !== undefined && { error: { code, message: error } }),
    ...(again && { again }),
  };
  return { number: index, id: "", ...carried, rest: serialize(rest) };
}
