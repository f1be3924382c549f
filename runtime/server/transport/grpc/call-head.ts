/**
 * The parsed headers of a call: cached for calls that repeat theirs, as clients do.
 */

import { type CompressionLevel, choosePacking, type Packing } from "../../../wire/grpc/packing.js";
import type { RequestHead } from "../http2/request-head.js";
import type { Restriction } from "../restriction.js";
import { apiOf } from "./restricted-calls.js";

export const INFER = "/inference.GRPCInferenceService/ModelInfer";
export const STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

export interface CallHead {
  readonly path: string;
  readonly headers: RequestHead["headers"];
  /** The HTTP status for a call that is not gRPC. */
  readonly refused: 405 | 415 | undefined;
  /** Milliseconds; undefined for a call without a deadline. */
  readonly timeout: number | undefined;
  /** The call is refused while the server's memory is used up; health checks are not. */
  readonly refusable: boolean;
  /** The header that the call lacks to be served. */
  readonly missing: string | undefined;
  /** The encoding of the request's messages. */
  readonly encoding: string;
  /** The packing of the response's messages. */
  readonly packing: Packing | undefined;
}

export function readCallHead(
  { method, path, headers }: RequestHead,
  restriction: Restriction,
  compression: CompressionLevel,
): CallHead {
  const isGrpc = headers["content-type"]?.startsWith("application/grpc");
  const infers = path === INFER || path === STREAM_INFER;
  return {
    path,
    headers,
    refused: method !== "POST" ? 405 : isGrpc ? undefined : 415,
    timeout: readTimeout(headers["grpc-timeout"]),
    refusable: apiOf(path) !== "health",
    missing: restriction(apiOf(path), name => headers[name]),
    encoding: headers["grpc-encoding"] ?? "identity",
    packing: infers ? choosePacking(compression, headers["grpc-accept-encoding"]) : undefined,
  };
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** setTimeout's greatest delay. */
const LONGEST = 2 ** 31 - 1;

function readTimeout(text: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text ?? "") ?? [];
  return digits ? Math.min(Number(digits) * UNITS[unit!]!, LONGEST) : undefined;
}
