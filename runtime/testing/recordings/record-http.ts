/**
 * An HTTP inference → an exchange of a cassette.
 */
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { Cancellable } from "../../base/cancellation.js";
import { STATUS } from "../../base/errors.js";
import { inSlices, isSliced } from "../../base/slices.js";
import { readInferAnswer } from "../../client/http/infer-answer.js";
import type { Exchange, RecordedFault } from "../../server/recordings/exchange.js";
import { readInferRequest } from "../../server/transport/http/infer-request.js";
import type { HttpExchange } from "./http-proxy.js";
import { maskHeaders } from "./mask-headers.js";
import { unseenMemory } from "./unseen-memory.js";

const INFER = /^\/v2\/models\/(?<model>[^/]+)(?:\/versions\/(?<version>\d+))?\/infer$/;

export interface Place {
  readonly model: string;
  /** Empty for the latest. */
  readonly version: string;
}

/** Model and version of a path that infers. */
export const inferPath = (path: string): Place | undefined => {
  const groups = INFER.exec(path.split("?")[0]!)?.groups;
  return groups && { model: groups.model!, version: groups.version ?? "" };
};

export const MAX_BODY = 2 ** 30;
const LENGTH = "inference-header-content-length";

async function unpacked(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  if (encoding === "gzip") return promisify<Buffer, Buffer>(gunzip)(body);
  return encoding === "deflate" ? promisify<Buffer, Buffer>(inflate)(body) : body;
}

type Head = Omit<Exchange, "line" | "answers" | "error">;

/** The request of an exchange. */
export const headOf = (
  { model, version, stream }: Place & Pick<Head, "stream">,
  { id, parameters, inputs, outputs }: Pick<Head, "id" | "parameters" | "inputs" | "outputs">,
  headers: Head["headers"],
): Head => ({ protocol: "http", model, version, id, parameters, headers, inputs, outputs, stream });

/** @throws Error for a request that is not an inference, or refers to shared memory */
export async function readHttpExchange(
  { path, headers, body, answer, isAbandoned, ms }: HttpExchange,
  config: ModelConfig,
  masked: readonly string[],
): Promise<Omit<Exchange, "line">> {
  const { model, version } = inferPath(path)!;
  const length = headers[LENGTH];
  const reading = readInferRequest(
    await unpacked(body, headers["content-encoding"]),
    length === undefined ? undefined : Number(length),
    config,
    { memory: unseenMemory(), maxInputSize: MAX_BODY },
    new Cancellable(),
  );
  const { request } = isSliced(reading) ? await inSlices(reading) : reading;
  const head = headOf({ model, version, stream: false }, request, maskHeaders(headers, masked));
  if (!answer?.whole) return { ...head, answers: [], error: brokenOff(isAbandoned) };
  const received = await unpacked(answer.body, answer.headers["content-encoding"]);
  if (answer.status !== 200) return { ...head, answers: [], error: faultOf(answer.status, received) };
  const lengthOfAnswer = answer.headers[LENGTH];
  const isBinary = answer.headers["content-type"]?.includes("octet-stream") ?? false;
  const read = readInferAnswer(received, lengthOfAnswer?.toString(), isBinary, new Set());
  return {
    ...head,
    answers: [
      {
        ms: Math.round(ms * 100) / 100,
        version: read.version,
        parameters: read.parameters,
        outputs: read.outputs.map(({ name, datatype, shape, raw }) => ({ name, datatype, shape, data: raw })),
      },
    ],
  };
}

/** An exchange without a whole answer: the client left, or the connection to the server was lost. */
export const brokenOff = (isAbandoned: boolean): RecordedFault =>
  isAbandoned
    ? { code: "CANCELLED", message: "the client hung up" }
    : { code: "UNAVAILABLE", message: "the connection was lost", cut: true };

export function faultOf(status: number, body: Buffer): RecordedFault {
  const [code = "UNKNOWN"] =
    Object.entries(STATUS).find(([name, row]) => row.http === status && name !== "UNKNOWN") ?? [];
  const text = body.toString("utf8");
  try {
    return {
      code: status === 400 ? "INVALID_ARGUMENT" : code,
      message: String((JSON.parse(text) as { error: unknown }).error),
    };
  } catch {
    return { code, message: text };
  }
}
