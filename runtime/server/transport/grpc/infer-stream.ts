/**
 * ModelStreamInfer: requests run as they arrive, answers leave in the order of the requests, faults travel inside the stream. The answers of
 * a decoupled model leave as they are made, between those of other requests.
 */
import type { Cancellation } from "../../../base/cancellation.js";
import { ConnectionCut, cutHere } from "../../../base/connection-cut.js";
import { Refusal, RuntimeFault, STATUS } from "../../../base/errors.js";
import type { Charge, MemoryBudget } from "../../../base/memory/memory-budget.js";
import { RequestMeter } from "../../../base/memory/request-meter.js";
import type { Contents } from "../../../wire/grpc/contents.js";
import { decodeRequest, type WireRequest } from "../../../wire/grpc/decode-request.js";
import { type Frame, frameReader, PREFIX, unpackRequest } from "../../../wire/grpc/framing.js";
import { STREAM_BYTES } from "../../../wire/grpc/limits.js";
import { type Packing, packedFairly } from "../../../wire/grpc/packing.js";
import type { InferRequest, InferResponse } from "../../contract.js";
import type { ReadyVersion } from "../../models/ready-version.js";
import { logPrepared, logRefusal } from "../../observe/request-lines.js";
import type { ServerLog } from "../../observe/server-log.js";
import type { TraceNotes } from "../../observe/tracing/trace.js";
import { countLargeStrings, hasLargeStrings } from "../../requests/check-strings.js";
import { deliver } from "../../requests/deliver.js";
import { execute, executeStream, isDecoupled } from "../../requests/infer.js";
import type { ServerCalls } from "../../requests/server-calls.js";
import { type ValidRequest, validateRequest } from "../../requests/validate.js";
import type { RequestHead } from "../http2/request-head.js";
import type { Stream } from "../http2/stream.js";
import { encodeStreamEnd, encodeStreamFault, encodeStreamResponse, type FramePieces } from "./encode-response.js";
import { cutOff, endAnswer, startAnswer } from "./status.js";
import { type Forward, toRequest } from "./to-request.js";

/** Requests of one stream that may be under way; a client that sends more waits. */
const MAX_IN_FLIGHT = 64;

interface Answer {
  readonly message: FramePieces;
  /** A backend's fault, which ends a strict stream. */
  readonly fault?: RuntimeFault;
}

export interface StreamOptions {
  /** A backend's fault closes the stream with its status (`triton_grpc_error: true`). */
  readonly strict: boolean;
  readonly forward: Forward;
  readonly signal: Cancellation;
  readonly packing: Packing | undefined;
  /** The span of the call, which has all requests of the stream. */
  readonly headers: RequestHead["headers"];
  readonly log: ServerLog;
  readonly budget: MemoryBudget;
  /** Bytes of all requests that are not answered yet. */
  readonly received: Charge;
}

export function serveInferStream(
  stream: Stream,
  calls: ServerCalls,
  encoding: string,
  { strict, forward, signal, packing, budget, received, headers, log }: StreamOptions,
): void {
  startAnswer(stream, packing);
  let inFlight = 0;
  let last: Promise<void> = Promise.resolve();
  const { finish, send } = answersTo(stream, strict, packing);
  /** Messages of one chunk that wait for others to be answered. */
  let waiting: Frame[] = [];
  let isScheduled = false;
  const startWaiting = (): void => {
    isScheduled = false;
    const next = waiting;
    waiting = [];
    if (stream.closed) return;
    next.forEach(onFrame);
    if (waiting.length === 0 && inFlight < MAX_IN_FLIGHT) stream.resume();
  };
  const onFrame = (found: Frame): void => {
    if (inFlight >= MAX_IN_FLIGHT) {
      waiting.push(found);
      return;
    }
    if (++inFlight >= MAX_IN_FLIGHT) stream.pause();
    const size = PREFIX + found.bytes.length;
    incoming -= size;
    const meter = new RequestMeter(budget, found.bytes.length);
    const answer = unpackRequest(found, encoding, meter, signal).then(bytes =>
      answerOne(bytes, meter, { calls, log, forward, signal, headers, send }),
    );
    answer.catch(() => {});
    last = last
      .then(async () => {
        const last = await answer;
        if (last) await send(last);
      })
      .catch(error => finish(RuntimeFault.from(error)))
      .finally(() => {
        meter.release();
        received.subtract(size);
        inFlight--;
        if (waiting.length === 0) stream.resume();
        // In a later turn, since others would wait for a chunk of small messages otherwise.
        else if (!isScheduled && inFlight <= MAX_IN_FLIGHT / 2) {
          isScheduled = true;
          setImmediate(startWaiting);
        }
      });
  };
  /** Charged bytes of a message that is not whole, and of the stream itself. */
  let incoming = STREAM_BYTES;
  received.force(STREAM_BYTES);
  stream.onClose(() => {
    received.subtract(incoming);
    incoming = 0;
  });
  const read = frameReader(onFrame);
  stream.listen({
    data(chunk) {
      try {
        received.add(chunk.length);
        incoming += chunk.length;
        read(chunk);
      } catch (error) {
        finish(RuntimeFault.from(error));
      }
    },
    end: () => void last.then(() => finish()),
  });
}

/** @param strict a fault ends the stream */
function answersTo(stream: Stream, strict: boolean, packing: StreamOptions["packing"]) {
  /** The connection is about to end; nothing more is said on it. */
  let isCut = false;
  const finish = (fault?: RuntimeFault): void => {
    if (!isCut) endAnswer(stream, fault ? STATUS[fault.code].grpc : 0, fault?.message ?? "");
  };
  const send = async ({ message, fault }: Answer): Promise<void> => {
    if (isCut || !stream.writable) return;
    if (fault instanceof ConnectionCut) {
      isCut = true;
      cutOff(stream, fault);
    } else if (strict && fault) finish(fault);
    else {
      const pieces = packing ? await packedFairly(packing, message) : message;
      // A slow reader is waited for.
      if (!stream.write(pieces)) await new Promise<void>(sent => stream.whenSent(sent));
    }
  };
  return { finish, send };
}

interface Answering extends Pick<StreamOptions, "log" | "forward" | "signal" | "headers"> {
  readonly calls: ServerCalls;
  readonly send: (answer: Answer) => Promise<void>;
}

/** Answers one request: the only answer of an ordinary model is returned, those of a decoupled one are sent. */
async function answerOne(
  bytes: Buffer,
  meter: RequestMeter,
  { calls, log, forward, signal, headers, send }: Answering,
): Promise<Answer | undefined> {
  const large: Contents[] = [];
  const wire: WireRequest = decodeRequest(bytes, meter, large);
  for (const contents of large) await contents.readInSlices(signal);
  const arrived = calls.sample ? performance.now() * 1e6 : 0;
  let backendHasIt = false;
  let ended: TraceNotes | undefined;
  const regions = calls.memory.open();
  try {
    const version = calls.find(wire.model, wire.version);
    const trace = calls.sample?.(version.model, headers.traceparent);
    trace?.stamp("GRPC_WAITREAD_START", arrived);
    trace?.stamp("GRPC_WAITREAD_END");
    ended = trace;
    const read = toRequest(wire, regions, forward, signal);
    const request =
      trace || calls.keepHeaders ? { ...read, ...(trace && { trace }), ...(calls.keepHeaders && { headers }) } : read;
    if (hasLargeStrings(request.inputs)) await countLargeStrings(request.inputs, signal);
    const valid = validateRequest(version.config, request);
    logPrepared(log, version, wire.version, request, valid);
    backendHasIt = true;
    const charge = request.wishes && meter.charge;
    const forClient = (response: InferResponse): InferResponse | Promise<InferResponse> =>
      deliver(response, request, version, calls.labels, charge);
    if (isDecoupled(version)) return await answerMany(version, request, valid, forClient, send);
    return { ...streamed(await forClient(await execute(version, request, valid))) };
  } catch (error) {
    const fault = RuntimeFault.from(error);
    ended?.fail(fault.message);
    if (fault instanceof Refusal) backendHasIt = false;
    if (!backendHasIt) logRefusal(log, "stream_infer_handler", wire.id, fault);
    return {
      message: encodeStreamFault(fault.message, wire.id, backendHasIt ? wire.model : ""),
      ...(backendHasIt && { fault }),
    };
  } finally {
    regions.release();
    ended?.stamp("GRPC_SEND_START");
    ended?.stamp("GRPC_SEND_END");
    ended?.end();
  }
}

/** A whole answer, or the part of it that a fault lets through. */
function streamed(response: InferResponse, final = true): Answer {
  const message = encodeStreamResponse(response, final);
  try {
    cutHere(response.cut, message);
    return { message };
  } catch (error) {
    return { message, fault: error as ConnectionCut };
  }
}

async function answerMany(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
  forClient: (response: InferResponse) => InferResponse | Promise<InferResponse>,
  send: (answer: Answer) => Promise<void>,
): Promise<Answer | undefined> {
  let sent: Promise<void> = Promise.resolve();
  let ended = false;
  const answerOf = (answer: InferResponse | RuntimeFault): Answer | Promise<Answer> => {
    if (answer instanceof Error)
      return { message: encodeStreamFault(answer.message, request.id, version.model, false), fault: answer };
    const { final = false } = answer;
    ended ||= final;
    const response = forClient(answer);
    return response instanceof Promise ? response.then(one => streamed(one, final)) : streamed(response, final);
  };
  await executeStream(version, request, valid, answer => {
    // In the order in which the model gave them, however long each takes.
    const next = answerOf(answer);
    if (next instanceof Promise) next.catch(() => {});
    sent = sent.then(async () => send(await next));
    // The reader notices a stream that has ended.
    sent.catch(() => {});
  });
  await sent;
  return !ended && request.parameters.get("triton_enable_empty_final_response") === true
    ? { message: encodeStreamEnd(request.id, version.model) }
    : undefined;
}
