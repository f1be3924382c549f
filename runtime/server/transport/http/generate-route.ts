/**
 * POST …/generate and …/generate_stream: a flat JSON request → one flat JSON answer, or server-sent events as the model makes them. The first
 * answer decides the status.
 */
import { StringDecoder } from "node:string_decoder";
import type { Cancellation } from "../../../base/cancellation.js";
import { ConnectionCut } from "../../../base/connection-cut.js";
import { invalid, Refusal, RuntimeFault } from "../../../base/errors.js";
import type { Charge } from "../../../base/memory/memory-budget.js";
import { type Sliced, slicedIfLong } from "../../../base/slices.js";
import { elementCount, type Tensor } from "../../../base/tensor.js";
import { ListMemory } from "../../../wire/json/list-memory.js";
import type { InferRequest, InferResponse } from "../../contract.js";
import type { ReadyVersion } from "../../models/ready-version.js";
import { logPrepared, logRefusal } from "../../observe/request-lines.js";
import { countLargeStrings, hasLargeStrings } from "../../requests/check-strings.js";
import { executeStream } from "../../requests/infer.js";
import { type ValidRequest, validateRequest } from "../../requests/validate.js";
import { withHeaders } from "../header-forwarding.js";
import type { Answer } from "./answer.js";
import { readBody } from "./body.js";
import { ByteWriter } from "./byte-writer.js";
import { type GenerateLimits, readGenerateRequest } from "./generate-request.js";
import { chargedMemory, type GrowableMemory } from "./growable-buffer.js";
import { printParameter } from "./infer-response.js";
import type { Call } from "./route.js";
import { quoteText, requireJson, writeElements } from "./tensor-json.js";

const ONE_ANSWER =
  "generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses";

export async function answerGenerate(call: Call, stream: boolean): Promise<Answer> {
  const charge = call.context.budget.open();
  try {
    const answer = await answerCharged(call, stream, charge);
    const { onSent } = answer;
    const whenSent = (): void => {
      onSent?.();
      charge.release();
    };
    return { ...answer, onSent: whenSent };
  } catch (error) {
    charge.release();
    throw error;
  }
}

async function answerCharged(
  { request, context, path, signal }: Call,
  stream: boolean,
  charge: Charge,
): Promise<Answer> {
  const { calls, log, maxInputSize, headerForwardPattern, budget } = context;
  let version = calls.find(path.model ?? "", path.version ?? "");
  const encoding = request.head.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw invalid("Unsupported content-encoding, only 'identity' is supported.");
  const received = performance.now() * 1e6;
  const body = await readBody(request, maxInputSize, chargedMemory(charge));
  // The body took its time, and the model may have been loaded again.
  version = calls.find(path.model ?? "", path.version ?? "");
  const trace = calls.sample?.(version.model, request.head.headers.traceparent);
  trace?.stamp("HTTP_RECV_START", received);
  trace?.stamp("HTTP_RECV_END");
  const onSent = (): void => {
    trace?.stamp("HTTP_SEND_END");
    trace?.end();
  };
  const lists = new ListMemory(bytes => charge.add(bytes));
  const limits: GenerateLimits = {
    ...{ maxInputSize, lists },
    allowance: budget.allowance(body.length),
    makeTensor(bytes) {
      charge.add(bytes);
      return new Uint8Array(bytes);
    },
  };
  let id = "";
  const identify = (found: string): void => {
    id = found;
  };
  const readAll = async (): Promise<InferRequest> => {
    try {
      const reading = readGenerateRequest(body, version.config, limits, signal, identify);
      return await slicedIfLong(body.length, reading, signal);
    } finally {
      lists.end();
    }
  };
  const begin = async () => {
    const read = await readAll();
    const asked = {
      ...read,
      ...(trace && { trace }),
      ...(calls.keepHeaders && { headers: request.head.headers }),
      parameters: withHeaders(read.parameters, () => request.head.fields, headerForwardPattern),
    };
    if (hasLargeStrings(read.inputs)) await countLargeStrings(read.inputs, signal);
    const valid = validateRequest(version.config, asked);
    logPrepared(log, version, path.version ?? "", asked, valid);
    const answers = run(version, asked, valid);
    return { answers, first: await answers.next() };
  };
  const { answers, first } = await begin().catch(error => {
    logRefusal(log, "http_server", id, RuntimeFault.from(error));
    trace?.fail((error as Error).message);
    trace?.stamp("HTTP_SEND_START");
    onSent();
    throw error;
  });
  const status = first.value instanceof Error ? 400 : 200;
  trace?.stamp("HTTP_SEND_START");
  if (stream)
    return {
      ...{ onSent, status, type: "text/event-stream; charset=utf-8" },
      body: events(first, answers, charge, signal),
    };
  let only = first.done ? undefined : first.value;
  for await (const _ of answers) only = undefined;
  return { onSent, status, type: "application/json", body: textOf(only, charge, signal) };
}

async function* events(
  first: IteratorResult<InferResponse | RuntimeFault, void>,
  rest: AsyncIterable<InferResponse | RuntimeFault>,
  charge: Charge,
  signal: Cancellation,
): AsyncIterable<string> {
  if (first.done) return;
  yield* event(first.value, charge, signal);
  for await (const answer of rest) yield* event(answer, charge, signal);
}

async function* event(
  answer: InferResponse | RuntimeFault,
  charge: Charge,
  signal: Cancellation,
): AsyncIterable<string> {
  let front = "data: ";
  let waiting: string | undefined;
  for await (const part of textOf(answer, charge, signal)) {
    if (waiting !== undefined) yield waiting;
    waiting = front + part;
    front = "";
  }
  yield `${waiting}\n\n`;
}

/**
 * Yields the responses as they arrive; a fault of the execution is the last one. @throws RuntimeFault when a scheduler refuses the request
 */
async function* run(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
): AsyncGenerator<InferResponse | RuntimeFault, void> {
  const queue: (InferResponse | RuntimeFault)[] = [];
  let refusal: RuntimeFault | undefined;
  let wake = (): void => {};
  let done = false;
  const add = (answer: InferResponse | RuntimeFault): void => {
    queue.push(answer);
    wake();
  };
  void executeStream(version, request, valid, add)
    .catch(error => {
      if (error instanceof Refusal) refusal = error;
      else add(RuntimeFault.from(error));
    })
    .finally(() => {
      done = true;
      wake();
    });
  for (;;) {
    const next = queue.shift();
    if (next instanceof ConnectionCut) throw next;
    if (next) yield next;
    else if (refusal) throw refusal;
    else if (done) return;
    else
      await new Promise<void>(resolve => {
        wake = resolve;
      });
  }
}

const printFault = (message: string): string => JSON.stringify({ error: message });

/** One answer as a flat object, in parts. */
async function* textOf(
  answer: InferResponse | RuntimeFault | undefined,
  charge: Charge,
  signal: Cancellation,
): AsyncIterable<string> {
  if (answer === undefined || answer instanceof Error) return yield printFault(answer?.message ?? ONE_ANSWER);
  const unsendable = fault(() => {
    for (const { datatype } of answer.outputs) requireJson(datatype);
  });
  if (unsendable) return yield printFault(unsendable);
  let size = 0;
  for (const { data } of answer.outputs) size += data.byteLength;
  const before = charge.bytes;
  const pieces = await slicedIfLong(size, print(answer, chargedMemory(charge)), signal);
  if (pieces.length === 1) {
    charge.subtract(charge.bytes - before);
    return yield pieces[0]!.toString("utf8");
  }
  // A character may begin in one piece and end in the next.
  const decoder = new StringDecoder("utf8");
  for (const piece of pieces) {
    const text = decoder.write(piece);
    charge.subtract(piece.length);
    if (text !== "") yield text;
  }
  const rest = decoder.end();
  if (rest !== "") yield rest;
}

function fault(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** An answer, its members in the order of their names. */
function* print(answer: InferResponse, room: GrowableMemory): Sliced<readonly Buffer[]> {
  const members = new Map<string, string | Tensor>();
  if (answer.id) members.set("id", quoteText(answer.id));
  members.set("model_name", quoteText(answer.model));
  members.set("model_version", `"${answer.version}"`);
  for (const [key, value] of answer.parameters) members.set(key, printParameter(value));
  for (const tensor of answer.outputs) members.set(tensor.name, tensor);
  const to = new ByteWriter(room);
  let separator = "{";
  for (const key of [...members.keys()].sort()) {
    const value = members.get(key)!;
    to.text(`${separator}${quoteText(key)}:`);
    separator = ",";
    if (typeof value === "string") to.text(value);
    else if (elementCount(value.shape) === 1) yield* writeElements(value, to);
    else {
      to.text("[");
      yield* writeElements(value, to);
      to.text("]");
    }
  }
  to.text("}");
  return to.pieces;
}
