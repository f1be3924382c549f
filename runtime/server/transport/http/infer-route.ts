/**
 * POST …/infer: headers and body → the data plane → JSON or binary answer.
 */
import { ConnectionCut, cutHere } from "../../../base/connection-cut.js";
import { invalid, Refusal, RuntimeFault, unsupported } from "../../../base/errors.js";
import { LARGE } from "../../../base/memory/buffer-pool.js";
import type { Charge } from "../../../base/memory/memory-budget.js";
import type { RequestMemory } from "../../../base/memory/request-memory.js";
import { inSlices, isSliced } from "../../../base/slices.js";
import { turnEnd } from "../../../base/turn-end.js";
import { type Allocated, ListMemory } from "../../../wire/json/list-memory.js";
import { logPrepared, logRefusal } from "../../observe/request-lines.js";
import type { TraceNotes } from "../../observe/tracing/trace.js";
import { countLargeStrings, hasLargeStrings } from "../../requests/check-strings.js";
import { deliver } from "../../requests/deliver.js";
import { execute, isDecoupled } from "../../requests/infer.js";
import { validateRequest } from "../../requests/validate.js";
import { withHeaders } from "../header-forwarding.js";
import type { Headers } from "../http1/fields.js";
import { type Answer, faultAnswer } from "./answer.js";
import { type BinaryForm, jsonLengthOf } from "./binary-form.js";
import { binaryLimit, isPacked, readBody, unpackBody } from "./body.js";
import { BodyMemory } from "./body-memory.js";
import { type BodyLimits, readInferRequest } from "./infer-request.js";
import { printInferResponse } from "./infer-response.js";
import { packPieces } from "./pack-pieces.js";
import { keepRequest, repeatedRequest } from "./repeated-request.js";
import { keepResponse, repeatedResponse } from "./repeated-response.js";
import type { Call } from "./route.js";

const LENGTH_HEADER = "inference-header-content-length";

/** The progress of a request. A class, since each request makes one. */
class Progress {
  /** Triton marks faults as JSON only between parsing the body and the model's answer. */
  plain = true;
  /** Whether the model has the request. */
  atWork = false;
  /** Empty while the request is read; unknown to Triton's log, too, when reading fails. */
  id: string | undefined;
  trace: TraceNotes | undefined;
  /** The memory of the request, until its response was sent. */
  readonly charge: Charge;

  constructor(charge: Charge) {
    this.charge = charge;
  }

  endTrace(): void {
    this.trace?.stamp("HTTP_SEND_END");
    this.trace?.end();
  }
}

export async function answerInfer(call: Call): Promise<Answer> {
  const { request, context, path, signal } = call;
  const { calls, log, maxInputSize, binary, budget } = context;
  const { headers } = request.head;
  const received = performance.now() * 1e6;
  const progress = new Progress(budget.open());
  const { charge } = progress;
  const regions = calls.memory.open();
  const room = new BodyMemory(charge, Number(headers[LENGTH_HEADER] ?? 0));
  let lists: ListMemory | undefined;
  try {
    let version = calls.find(path.model ?? "", path.version ?? "");
    if (isDecoupled(version))
      throw unsupported("HTTP end point doesn't support models with decoupled transaction policy");
    const trace = calls.sample?.(version.model, headers.traceparent);
    progress.trace = trace;
    trace?.stamp("HTTP_RECV_START", received);
    const encoding = binary ? undefined : headers["content-encoding"];
    const isJson = isJsonBody(headers, binary);
    progress.plain = !isJson;
    const sent = await readBody(request, isJson ? maxInputSize : binaryLimit(maxInputSize), room);
    trace?.stamp("HTTP_RECV_END");
    const end = turnEnd(version.statistics.recentNs);
    if (end) await end;
    progress.plain = true;
    const body = isPacked(encoding)
      ? await unpackBody(sent, encoding, { maxInputSize, allowance: budget.allowance(sent.length), charge, signal })
      : sent;
    const jsonLength = binary
      ? jsonLengthOf(binary, headers["content-type"], body.length)
      : readLength(headers, body.length);
    if (body !== sent) room.outgrown(sent);
    // The body and the turn took their time, and the model may have been loaded again.
    version = calls.find(path.model ?? "", path.version ?? "");
    progress.plain = false;
    progress.id = "";
    let found = jsonLength ? repeatedRequest(request.head, body, jsonLength, version.config, signal) : undefined;
    if (!found) {
      const allocated: Allocated = bytes => charge.add(bytes);
      lists = new ListMemory(allocated);
      const limits: BodyLimits = {
        maxInputSize,
        memory: regions,
        ...{ allocated, lists },
        allowance: budget.allowance(body.length),
        makeTensor: room.makeTensor,
      };
      const reading = readInferRequest(body, jsonLength, version.config, limits, signal);
      found = isSliced(reading) ? await inSlices(reading, signal) : reading;
      lists.end();
      if (jsonLength) keepRequest(request.head, body, jsonLength, version.config, found);
    }
    const { request: read, isBinary } = found;
    progress.id = read.id;
    // Nothing refers to a body that was all JSON.
    if (jsonLength === undefined && body === sent) room.outgrown(body);
    const memory = room.borrowed;
    const asked = {
      ...read,
      ...(trace && { trace }),
      ...(memory && { memory }),
      ...(calls.keepHeaders && { headers }),
      parameters: withHeaders(read.parameters, () => request.head.fields, context.headerForwardPattern),
    };
    if (hasLargeStrings(read.inputs)) await countLargeStrings(read.inputs, signal);
    const valid = validateRequest(version.config, asked);
    logPrepared(log, version, path.version ?? "", asked, valid);
    progress.plain = true;
    progress.atWork = true;
    const executed = await execute(version, asked, valid);
    const response = await deliver(executed, asked, version, calls.labels, charge);
    const text = new BodyMemory(charge);
    let printed = repeatedResponse(request.head, response, isBinary);
    if (!printed) {
      const printing = printInferResponse(response, isBinary, text);
      printed = isSliced(printing) ? await inSlices(printing, signal) : printing;
      keepResponse(request.head, response, printed);
    }
    const { pieces, jsonLength: answerLength } = printed;
    cutHere(response.cut, pieces);
    trace?.stamp("HTTP_SEND_START");
    const accepted = binary ? undefined : headers["accept-encoding"];
    const packing = accepted === undefined ? undefined : chooseEncoding(accepted);
    const front = binaryHead(answerLength, binary);
    const head = packing ? { ...front, headers: { "Content-Encoding": packing, ...front.headers } } : front;
    const sending = packing ? await packPieces(pieces, packing, charge, signal) : pieces;
    // A client that left may have left work undone that reads the memory.
    if (signal.aborted) memory?.leave();
    return answerOf(head, sending, progress, memory, text.borrowed);
  } catch (error) {
    // No model has seen a request that was refused.
    if (progress.atWork) room.borrowed?.leave();
    else room.borrowed?.giveBack();
    lists?.end();
    return faultOf(error, progress, call);
  } finally {
    regions.release();
  }
}

/** Whether the body is JSON alone, by its headers. */
function isJsonBody(headers: Headers, binary: BinaryForm | undefined): boolean {
  if (binary) return !headers["content-type"]?.includes(binary.mime);
  return headers["content-encoding"] === undefined && headers[LENGTH_HEADER] === undefined;
}

/** @param memory of the request @param printed of the answer; both end when it has left */
function answerOf(
  head: Pick<Answer, "type" | "headers">,
  body: Answer["body"],
  progress: Progress,
  memory: RequestMemory | undefined,
  printed: RequestMemory | undefined,
): Answer {
  const { charge } = progress;
  printed?.release();
  if (charge.bytes <= LARGE && !memory && !printed) {
    // A short answer leaves at once, or waits in a socket that is bounded.
    charge.release();
    return progress.trace
      ? { status: 200, onSent: () => progress.endTrace(), ...head, body }
      : { status: 200, ...head, body };
  }
  const onSent = (): void => {
    progress.endTrace();
    memory?.end();
    printed?.end();
    charge.release();
  };
  return { status: 200, onSent, ...head, body };
}

/** @throws the error, if the connection is to be cut or it is a fault of the program */
function faultOf(error: unknown, progress: Progress, { context }: Call): Answer {
  const { log, binary } = context;
  const { charge, trace, id, atWork, plain } = progress;
  charge.release();
  trace?.fail((error as Error).message);
  trace?.stamp("HTTP_SEND_START");
  if (id !== undefined && (!atWork || error instanceof Refusal))
    logRefusal(log, "http_server", id, RuntimeFault.from(error));
  if (!(error instanceof RuntimeFault) || error instanceof ConnectionCut) {
    progress.endTrace();
    throw error;
  }
  const fault = faultAnswer(error, plain && !(error instanceof Refusal) ? "text/plain" : "application/json");
  const status = (atWork && binary?.faultStatus) || fault.status;
  const answer = { ...fault, status, ...(trace && { onSent: () => progress.endTrace() }) };
  return error.message === "Unsupported compression type"
    ? { ...answer, headers: { "Accept-Encoding": "gzip, deflate" } }
    : answer;
}

function binaryHead(jsonLength: number | undefined, binary: BinaryForm | undefined): Pick<Answer, "type" | "headers"> {
  if (jsonLength === undefined) return { type: "application/json" };
  if (binary?.inAnswers) return { type: `${binary.mime}${jsonLength}` };
  return {
    type: "application/octet-stream",
    headers: { "Inference-Header-Content-Length": String(jsonLength) },
  };
}

/** A number as nearly all clients write it. */
const PLAIN_LENGTH = /^[0-9]{1,9}$/;

/** Bytes of JSON at the front of the body, as C++ reads a number: digits at the start are enough. */
function readLength(headers: Headers, received: number): number | undefined {
  const header = headers[LENGTH_HEADER];
  if (header === undefined) return undefined;
  if (PLAIN_LENGTH.test(header) && Number(header) <= received) return Number(header);
  const text = header.split(",", 1)[0]!;
  const digits = /^\s*([+-]?\d+)/.exec(text)?.[1];
  if (digits === undefined) throw invalid(`Unable to parse Inference-Header-Content-Length, got: ${text || " "}`);
  const length = Number(digits);
  if (length > 2 ** 31 - 1 || length < -(2 ** 31))
    throw invalid(
      `Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: ${text}`,
    );
  if (length < 0 || length > received)
    throw invalid(`inference header size should be in range (0, ${received}), got: ${text}`);
  return length;
}

/** Parts of a header that are looked at. */
const MOST_PARTS = 32;

/** The encoding that the client prefers, the first of equals; none without a header, or if it prefers `identity`. */
function chooseEncoding(accepted: string): "gzip" | "deflate" | undefined {
  let best: { readonly name: "gzip" | "deflate" | "identity"; readonly weight: number } | undefined;
  for (const part of accepted.split(",", MOST_PARTS)) {
    const [name, ...parameters] = part.split(";", MOST_PARTS).map(text => text.trim());
    const weight = Number(parameters.find(text => text.startsWith("q="))?.slice(2) ?? "1");
    if ((name === "gzip" || name === "deflate" || name === "identity") && weight > (best?.weight ?? 0))
      best = { name, weight };
  }
  return best?.name === "identity" ? undefined : best?.name;
}
