/**
 * POST …/generate and …/generate_stream: a flat JSON request → one flat JSON answer, or server-sent events as the model makes them. The first
 * answer decides the status.
 */
import { ConnectionCut } from "../../connection-cut.js";
import { executeStream } from "../../data-plane/infer.js";
import type { InferRequest, InferResponse } from "../../data-plane/request.js";
import { type ValidRequest, validateRequest } from "../../data-plane/validate.js";
import { Refusal, RuntimeFault } from "../../errors.js";
import type { ReadyVersion } from "../../repository/registry.js";
import { elementCount } from "../../tensor.js";
import { withHeaders } from "../header-forwarding.js";
import type { Answer } from "./answer.js";
import { readBody } from "./body.js";
import { readGenerateRequest } from "./generate-request.js";
import { printParameter } from "./infer-response.js";
import type { Call } from "./route.js";
import { printElements, quoteText, requireJson } from "./tensor-json.js";

const ONE_ANSWER =
  "generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses";

export async function answerGenerate({ request, context, path, signal }: Call, stream: boolean): Promise<Answer> {
  const { calls, maxInputSize, headerForwardPattern } = context;
  let version = calls.find(path.model ?? "", path.version ?? "");
  const encoding = request.head.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    throw new RuntimeFault("INVALID_ARGUMENT", "Unsupported content-encoding, only 'identity' is supported.");
  const received = performance.now() * 1e6;
  const body = await readBody(request, maxInputSize);
  // The body took its time, and the model may have been loaded again.
  version = calls.find(path.model ?? "", path.version ?? "");
  const trace = calls.sample?.(version.model, request.head.headers.traceparent);
  trace?.stamp("HTTP_RECV_START", received);
  trace?.stamp("HTTP_RECV_END");
  const onSent = (): void => {
    trace?.stamp("HTTP_SEND_END");
    trace?.end();
  };
  const limits = { maxInputSize, memory: calls.memory };
  const begin = async () => {
    const read = readGenerateRequest(body, version.config, limits, signal);
    const asked = {
      ...read,
      ...(trace && { trace }),
      parameters: withHeaders(read.parameters, () => request.head.fields, headerForwardPattern),
    };
    const answers = run(version, asked, validateRequest(version.config, asked));
    return { answers, first: await answers.next() };
  };
  const { answers, first } = await begin().catch(error => {
    trace?.fail((error as Error).message);
    onSent();
    throw error;
  });
  const status = first.value instanceof Error ? 400 : 200;
  trace?.stamp("HTTP_SEND_START");
  if (stream) return { onSent, status, type: "text/event-stream; charset=utf-8", body: events(first, answers) };
  let only = first.done ? undefined : print(first.value);
  for await (const _ of answers) only = undefined;
  return { onSent, status, type: "application/json", body: once(only ?? printFault(ONE_ANSWER)) };
}

async function* once(text: string): AsyncIterable<string> {
  yield text;
}

async function* events(
  first: IteratorResult<InferResponse | RuntimeFault, void>,
  rest: AsyncIterable<InferResponse | RuntimeFault>,
): AsyncIterable<string> {
  if (first.done) return;
  yield `data: ${print(first.value)}\n\n`;
  for await (const answer of rest) yield `data: ${print(answer)}\n\n`;
}

/** The answers as they come; a fault of the execution is the last one. @throws RuntimeFault when a scheduler refuses the request */
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

/** One answer as a flat object, its members in the order of their names. */
function print(answer: InferResponse | RuntimeFault): string {
  if (answer instanceof Error) return printFault(answer.message);
  const members = new Map<string, string>();
  if (answer.id) members.set("id", quoteText(answer.id));
  members.set("model_name", quoteText(answer.model));
  members.set("model_version", `"${answer.version}"`);
  for (const [key, value] of answer.parameters) members.set(key, printParameter(value));
  try {
    for (const tensor of answer.outputs) {
      requireJson(tensor.datatype);
      const elements = printElements(tensor);
      members.set(tensor.name, elementCount(tensor.shape) === 1 ? elements : `[${elements}]`);
    }
  } catch (error) {
    return printFault((error as Error).message);
  }
  const text = [...members.keys()].sort().map(key => `${quoteText(key)}:${members.get(key)}`);
  return Buffer.from(`{${text.join(",")}}`, "latin1").toString("utf8");
}
