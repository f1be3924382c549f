/**
 * The data plane: a request for a ready version → its answers, counted in the version's statistics. Every transport and every in-process
 * call uses this.
 */
import type { Values } from "../../../triton-protos/datatype.js";
import { internal, Refusal, RuntimeFault } from "../../base/errors.js";
import { requestBegins, requestEnds } from "../../base/in-flight.js";
import type { Tensor, TypedTensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse, InferRequest, InferResponse } from "../contract.js";
import type { ReadyVersion } from "../models/ready-version.js";
import { StateLines } from "../observe/request-states.js";
import {
  recordCacheHit,
  recordCacheMiss,
  recordFailure,
  recordFirstResponse,
  recordSuccess,
} from "../observe/statistics.js";
import type { TraceNotes } from "../observe/tracing/trace.js";
import type { Computed, Executed } from "../scheduling/scheduler.js";
import { splitControls } from "./controls.js";
import { declaredOf } from "./declared.js";
import type { AnswerSink } from "./placement.js";
import { reshape, type ValidRequest, validateRequest, validateSync } from "./validate.js";

/** Whether a request to this version has any number of answers. */
export const isDecoupled = ({ config }: ReadyVersion): boolean => config.model_transaction_policy?.decoupled === true;

/** One request, one answer. @throws RuntimeFault; a refused request touches no counter */
export async function infer(version: ReadyVersion, request: InferRequest): Promise<InferResponse> {
  return execute(version, request, validateRequest(version.config, request));
}

/**
 * `infer` for a caller in this process, synchronous and on values: nothing is serialized.
 * @param wanted names of outputs, at least one
 * @returns tensors in the order of `wanted`; undefined if no synchronous result is available, or the request may be refused: then `infer` answers
 * @throws RuntimeFault
 */
export function inferSync(
  version: ReadyVersion,
  inputs: readonly TypedTensor[],
  wanted: readonly string[],
): readonly TypedTensor[] | undefined {
  const { config, scheduler, statistics, placement } = version;
  if (!scheduler.runSync || placement?.isHomed) return undefined;
  const rows = validateSync(config, inputs, wanted);
  if (rows === undefined) return undefined;
  const started = performance.now();
  let done: Computed | undefined;
  try {
    done = scheduler.runSync(rows, inputs, wanted);
  } catch (error) {
    const fault = RuntimeFault.from(error);
    countFailure(version, fault, (performance.now() - started) * 1e6);
    throw fault;
  }
  if (!done) return undefined;
  for (const { values } of inputs) statistics.inputBytes += byteLengthOf(values);
  const ns = (performance.now() - started) * 1e6;
  recordSuccess(statistics, rows, 0, done.times, ns);
  recordFirstResponse(statistics, ns);
  return done.outputs;
}

/** On the wire. */
const byteLengthOf = (values: Values): number =>
  ArrayBuffer.isView(values) ? values.byteLength : values.reduce((sum, text) => sum + 4 + Buffer.byteLength(text), 0);

/**
 * The second half of `infer`, for callers that must distinguish a refused request from a failed one.
 * A decoupled model must answer exactly once here; callers that allow more use `executeStream`.
 */
export function execute(version: ReadyVersion, request: InferRequest, valid: ValidRequest): Promise<InferResponse> {
  // Without a sink there is an answer, or a fault.
  return isDecoupled(version)
    ? executeOnce(version, request, valid)
    : (executeRequest(version, request, valid) as Promise<InferResponse>);
}

async function executeOnce(version: ReadyVersion, request: InferRequest, valid: ValidRequest): Promise<InferResponse> {
  const answers: (InferResponse | RuntimeFault)[] = [];
  await executeStream(version, request, valid, answer => answers.push(answer));
  const [only] = answers;
  if (!only || answers.length > 1) throw internal(`expected a single response, got ${answers.length}`);
  if (only instanceof Error) throw only;
  return only;
}

/** Any number of answers; a fault among them is an answer. Resolves after the last one. @throws RuntimeFault when the execution itself fails */
export async function executeStream(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
  answer: AnswerSink,
): Promise<void> {
  const response = await executeRequest(version, request, valid, answer);
  if (response) answer(response);
}

/**
 * Runs a request where it belongs: here, or at another worker.
 * @returns the only response, or a decoupled model's last one where that is known
 * @throws RuntimeFault
 */
export function executeRequest(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
  sink?: AnswerSink,
): Promise<InferResponse | undefined> {
  const { placement } = version;
  if (!placement) return executeHere(version, request, valid, sink);
  return placement.execute(request, valid, sink, () => executeHere(version, request, valid, sink));
}

/** Counted as in flight, unless it is part of a request that is. */
async function executeHere(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
  sink?: AnswerSink,
): Promise<InferResponse | undefined> {
  const { config, statistics, scheduler } = version;
  const { inputs } = valid;
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) * 1e6;
  const states = version.log?.isVerbose ? new StateLines(version.log, request.id) : undefined;
  const asked = backendRequest(version, request, valid, states);
  const { trace, memory } = request;
  if (memory && !asked.memory) memory.keep();
  // Counted now: the bytes may be elsewhere when the model has answered.
  const inputBytes = bytesOf(inputs.values());
  trace?.begin(version.model, Number(version.version), request.id);
  trace?.stamp("REQUEST_START", started * 1e6);
  trace?.note("TENSOR_QUEUE_INPUT", inputs.values());
  states?.to("PENDING");
  const queued = performance.now() * 1e6;
  trace?.stamp("QUEUE_START", queued);
  const translate = (response: BackendResponse): InferResponse => inferResponse(version, request, valid, response);
  let done: Awaited<ReturnType<typeof scheduler.schedule>>;
  let answer: InferResponse | undefined;
  let responded = false;
  const counts = !request.lease || request.isForwarded === true;
  if (counts) requestBegins();
  try {
    done = await scheduler.schedule(
      asked,
      sink &&
        (given => {
          if (!responded) recordFirstResponse(statistics, elapsed());
          responded = true;
          const answer = given instanceof Error ? given : (given.error ?? translate(given));
          if (answer instanceof Error) trace?.fail(answer.message);
          else trace?.note("TENSOR_BACKEND_OUTPUT", answer.outputs);
          trace?.stamp("INFER_RESPONSE_COMPLETE");
          sink(answer);
        }),
    );
    if (done.response && !done.response.error) answer = translate(done.response);
  } catch (error) {
    trace?.stamp("REQUEST_END");
    const fault = RuntimeFault.from(error);
    states?.to(fault instanceof Refusal ? "FAILED_ENQUEUE" : "RELEASED");
    countFailure(version, fault, elapsed());
    trace?.fail(fault.message);
    throw fault;
  } finally {
    if (counts) requestEnds();
  }
  states?.to("RELEASED");
  if (trace) stampExecution(trace, done, queued, config.platform === "ensemble");
  if (answer) {
    trace?.note("TENSOR_BACKEND_OUTPUT", answer.outputs);
    trace?.stamp("INFER_RESPONSE_COMPLETE");
  }
  trace?.stamp("REQUEST_END");
  statistics.inputBytes += inputBytes;
  if (done.cache?.hit) recordCacheHit(statistics, done.cache.ns, elapsed());
  else recordSuccess(statistics, asked.batch, done.queueNs, done.times, elapsed());
  if (done.response) recordFirstResponse(statistics, elapsed());
  if (done.cache && !done.cache.hit) recordCacheMiss(statistics, done.cache.ns);
  if (done.response?.error) {
    trace?.fail(done.response.error.message);
    throw done.response.error;
  }
  memory?.release();
  return answer;
}

function bytesOf(tensors: Iterable<Tensor>): number {
  let sum = 0;
  for (const { data } of tensors) sum += data.byteLength;
  return sum;
}

/** A trace, a cache, and the state of a sequence keep tensors longer than a request. */
const mayLend = ({ config, loaded }: ReadyVersion): boolean =>
  loaded.keepsNothing === true && !config.response_cache?.enable && !config.sequence_batching;

function backendRequest(
  version: ReadyVersion,
  { id, parameters, signal, lease, trace, memory, headers }: InferRequest,
  { batch, inputs, outputs }: ValidRequest,
  states: StateLines | undefined,
): BackendRequest {
  const split = splitControls(parameters);
  const request: { -readonly [K in keyof BackendRequest]: BackendRequest[K] } = {
    id,
    controls: split.controls,
    parameters: split.parameters,
    batch: version.config.max_batch_size > 0 ? Math.max(1, batch) : 1,
    inputs,
    requestedOutputs: outputs,
  };
  // Not spread: there is one for each request, and for each model that a plan calls.
  if (signal) request.signal = signal;
  if (lease) request.lease = lease;
  if (trace) request.trace = trace;
  if (states) request.states = states;
  if (memory && !trace && mayLend(version)) request.memory = memory;
  if (headers) request.headers = headers;
  return request;
}

function inferResponse(
  version: ReadyVersion,
  { id }: InferRequest,
  { outputs: wanted }: ValidRequest,
  response: BackendResponse,
): InferResponse {
  const { parameters = [], cut, final } = response;
  const outputs = answerOutputs(version, response, wanted);
  const made = { model: version.model, version: version.version, id, parameters, outputs };
  if (cut === undefined && !final) return made;
  return { ...made, ...(cut !== undefined && { cut }), ...(final && { final }) };
}

/**
 * When the model computed; an ensemble does not, and neither does a request that the cache answers.
 * @param queued nanoseconds of QUEUE_START: the scheduler measures from a later moment, so that the stamps are in order
 */
function stampExecution(
  trace: TraceNotes,
  { queueNs, times, cache }: Executed,
  queued: number,
  isEnsemble: boolean,
): void {
  if (isEnsemble) return;
  if (cache?.hit) {
    trace.stamp("CACHE_HIT_LOOKUP_START", queued);
    trace.stamp("CACHE_HIT_LOOKUP_END", queued + cache.ns);
    return;
  }
  let at = queued + queueNs;
  trace.stamp("COMPUTE_START", at);
  at += times.input;
  trace.stamp("COMPUTE_INPUT_END", at);
  at += times.infer;
  trace.stamp("COMPUTE_OUTPUT_START", at);
  trace.stamp("COMPUTE_END", at + times.output);
}

/** Refusals of a scheduler touch no counter; an ensemble's failures count twice, as Triton counts them. */
function countFailure({ config, statistics }: ReadyVersion, fault: RuntimeFault, ns: number): void {
  if (fault instanceof Refusal) return;
  if (config.platform === "ensemble") {
    recordFailure(statistics, "OTHER", ns);
    recordFailure(statistics, "OTHER", ns);
    return;
  }
  const reason = fault.code === "CANCELLED" ? "CANCELED" : fault.code === "UNAVAILABLE" ? "REJECTED" : "BACKEND";
  recordFailure(statistics, reason, ns);
}

/** The requested outputs in the backend's order, in the shapes of the configuration. */
function answerOutputs(
  { config }: ReadyVersion,
  response: BackendResponse,
  wanted: ReadonlySet<string>,
): readonly Tensor[] {
  const declared = declaredOf(config).outputs;
  const batching = config.max_batch_size > 0;
  const outputs: Tensor[] = [];
  for (const tensor of response.outputs) {
    if (!wanted.has(tensor.name)) continue;
    const output = declared.get(tensor.name);
    if (!output?.reshape) outputs.push(tensor);
    else {
      const inner = reshape(batching ? tensor.shape.slice(1) : tensor.shape, output.reshape.shape, output.dims);
      outputs.push({ ...tensor, shape: batching ? [tensor.shape[0]!, ...inner] : inner });
    }
  }
  return outputs;
}
