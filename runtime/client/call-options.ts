/**
 * Options of a call besides its inputs, and options of a client for all calls.
 */
import type { Parameter } from "../base/tensor.js";
import { wrong } from "./client-error.js";
import type { KeepAlive, TlsOptions } from "./connection-options.js";
import type { ModelTypes } from "./model-types.js";
import type { RetryPolicy } from "./retry.js";

export interface CallOptions {
  /** Ends the call; the error's `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole call, retries included. */
  readonly deadline?: number;
  /** Added to the client's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Overrides the client's; a number is how often to try in all. */
  readonly retry?: RetryPolicy | number;
}

/** A whole number is sent as an integer, any other as a double. */
export type ParameterValue = string | number | bigint | boolean;

export interface InferOptions<O extends string = string> extends CallOptions {
  readonly version?: string | number;
  /** Returned in the response, and part of the server's messages. */
  readonly requestId?: string;
  /** The model's own parameters, as `{ seed: 7 }`. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /** Names of requested outputs; all by default. */
  readonly outputs?: readonly O[];
  /** Number of top classes to return instead of an output's elements, as BYTES `value:index:label`. */
  readonly classes?: { readonly [N in O]?: number };
  /** Outputs to write to shared memory; their tensors have no elements. */
  readonly regions?: {
    readonly [N in O]?: { readonly region: string; readonly byteSize: number; readonly offset?: number };
  };
  /** Place in the queue of a dynamic batcher: 1 is the first. */
  readonly priority?: number;
  /** Microseconds that the request may wait in the server's queue. */
  readonly queueTimeout?: number;
  /** Which sequence the request belongs to. `client.sequence()` keeps count. */
  readonly sequence?: { readonly id: number | bigint | string; readonly start?: boolean; readonly end?: boolean };
}

export interface ConnectOptions {
  /** Sent with every call, for example authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for a call that says nothing else; none by default. */
  readonly deadline?: number;
  /** Which calls are retried, and when (default none). A number is the maximum of attempts. */
  readonly retry?: RetryPolicy | number;
  /** TLS options of `grpcs://` and `https://`. In a browser TLS is the browser's. */
  readonly tls?: TlsOptions;
  /** Pings (gRPC) or TCP keep-alive (HTTP) of connections. */
  readonly keepAlive?: KeepAlive;
  /** How requests are packed, and that answers may be. Costs more than it saves on a local network. */
  readonly compression?: "gzip" | "deflate";
  /** Milliseconds to a connection. @default 10000 */
  readonly connectTimeout?: number;
  /** HTTP: whether tensors travel as bytes. @default "auto": as the server's metadata says */
  readonly binary?: boolean | "auto";
  /** HTTP: connections at most. @default 64 */
  readonly connections?: number;
  /** The expected models, as `merlon typegen` wrote them: compared when connecting, and checked with every response. */
  readonly models?: ModelTypes;
  /** The action if the server's models differ. @default "throw" */
  readonly drift?: "throw" | "warn";
}

/** Parameters in the form they travel in. @throws InvalidRequestError */
export function wireParameters(options: InferOptions, model: string): [string, Parameter][] {
  const all: [string, Parameter][] = [];
  for (const [key, value] of Object.entries(options.parameters ?? {})) {
    if (!["string", "number", "bigint", "boolean"].includes(typeof value))
      throw wrong(`parameter \`${key}\` is ${value}: parameters are texts, numbers and booleans`, model);
    all.push([key, typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value]);
  }
  const { priority, queueTimeout, sequence } = options;
  if (priority !== undefined) all.push(["priority", BigInt(priority)]);
  if (queueTimeout !== undefined) all.push(["timeout", BigInt(queueTimeout)]);
  if (sequence) {
    const { id, start = false, end = false } = sequence;
    all.push(["sequence_id", typeof id === "string" ? id : BigInt(id)]);
    all.push(["sequence_start", start], ["sequence_end", end]);
  }
  return all;
}
