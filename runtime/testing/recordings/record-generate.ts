/**
 * A recorded call of /generate or /generate_stream → an exchange of a cassette. The tensors' values are in flat JSON, their datatypes and
 * shapes in the model's configuration.
 */
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { Cancellable } from "../../base/cancellation.js";
import { slicedIfLong } from "../../base/slices.js";
import type { Parameter } from "../../base/tensor.js";
import { eventAnswer, readEvents } from "../../client/http/generate.js";
import { parseJsonText } from "../../client/http/json-text.js";
import type { Exchange, RecordedAnswer } from "../../server/recordings/exchange.js";
import { readGenerateRequest } from "../../server/transport/http/generate-request.js";
import type { HttpExchange } from "./http-proxy.js";
import { maskHeaders } from "./mask-headers.js";
import { brokenOff, faultOf, headOf, MAX_BODY, type Place } from "./record-http.js";

const GENERATE = /^\/v2\/models\/(?<model>[^/]+)(?:\/versions\/(?<version>\d+))?\/(?<call>generate(?:_stream)?)$/;

export const generatePath = (path: string): (Place & { readonly stream: boolean }) | undefined => {
  const groups = GENERATE.exec(path.split("?")[0]!)?.groups;
  return groups && { model: groups.model!, version: groups.version ?? "", stream: groups.call === "generate_stream" };
};

/** @throws Error for bodies that can't be read */
export async function readGenerateExchange(
  { path, headers, body, answer, isAbandoned, ms }: HttpExchange,
  config: ModelConfig,
  masked: readonly string[],
): Promise<Omit<Exchange, "line">> {
  const place = generatePath(path)!;
  const limits = { maxInputSize: MAX_BODY };
  const request = await slicedIfLong(body.length, readGenerateRequest(body, config, limits, new Cancellable()));
  const head = headOf(place, request, maskHeaders(headers, masked));
  const lost = brokenOff(isAbandoned);
  if (!answer) return { ...head, answers: [], error: lost };
  const isStream = answer.headers["content-type"]?.includes("event-stream") ?? false;
  if (answer.status !== 200 && !isStream)
    return { ...head, answers: [], error: answer.whole ? faultOf(answer.status, answer.body) : lost };
  const answers: RecordedAnswer[] = [];
  try {
    for await (const event of isStream ? readEvents(one(answer.body)) : one(parseJsonText(answer.body.toString())))
      answers.push(readAnswer(event as Event, config, ms));
  } catch (error) {
    // The end of a truncated stream can't be read.
    if (answer.whole) throw error;
  }
  return { ...head, answers, ...(!answer.whole && { error: lost }) };
}

type Event = Readonly<Record<string, unknown>>;

async function* one<T>(value: T): AsyncIterable<T> {
  yield value;
}

function readAnswer(event: Event, { output, max_batch_size }: ModelConfig, ms: number): RecordedAnswer {
  const outputs = output.map(({ name, data_type, dims }) => ({
    name,
    datatype: configDatatype(data_type)!.wire,
    shape: max_batch_size > 0 ? [-1, ...dims] : [...dims],
  }));
  const { answer, fault } = eventAnswer(event, { outputs } as unknown as Parameters<typeof eventAnswer>[1]);
  const known = new Set(["id", "model_name", "model_version", "error", ...outputs.map(({ name }) => name)]);
  const parameters = Object.entries(event).flatMap(([key, value]) =>
    known.has(key) || typeof value === "object" ? [] : [[key, value as Parameter] as const],
  );
  return {
    ms: Math.round(ms * 100) / 100,
    version: answer.version,
    parameters: new Map(parameters),
    outputs: answer.outputs.map(({ name, datatype, shape, raw }) => ({ name, datatype, shape, data: raw })),
    ...(fault !== undefined && { error: fault }),
  };
}
