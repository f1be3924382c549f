/**
 * A request that another worker forwarded → the data plane of this one. It runs here whatever its home is, so that it never travels twice.
 */
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { RequestMemory } from "../../base/memory/request-memory.js";
import type { InferRequest, InferResponse } from "../contract.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import type { TraceNotes } from "../observe/tracing/trace.js";
import { countLargeStrings, hasLargeStrings } from "../requests/check-strings.js";
import { executeRequest } from "../requests/infer.js";
import { validateRequest } from "../requests/validate.js";
import type { ForwardedRequest } from "./codec.js";

export interface Received {
  readonly forwarded: ForwardedRequest;
  readonly signal: Cancellation;
  readonly memory: RequestMemory | undefined;
  readonly trace: TraceNotes | undefined;
  /** Takes the responses of a decoupled model. */
  readonly answer: (answer: InferResponse | RuntimeFault) => void;
}

/** @returns the last response, if there is one; "absent" if the version is not ready here @throws RuntimeFault */
export type RunReceived = (received: Received) => Promise<InferResponse | undefined | "absent">;

export const runReceived =
  (registry: Registry, count: () => void): RunReceived =>
  async ({ forwarded, signal, memory, trace, answer }) => {
    const version = findVersion(registry, forwarded);
    if (!version) return "absent";
    count();
    const { id, parameters, inputs, outputs, headers, many } = forwarded;
    const request: { -readonly [K in keyof InferRequest]: InferRequest[K] } = {
      ...{ id, parameters, inputs, outputs, signal, isForwarded: true },
    };
    if (trace) request.trace = trace;
    if (memory) request.memory = memory;
    if (headers) request.headers = headers;
    if (hasLargeStrings(inputs)) await countLargeStrings(inputs, signal);
    return executeRequest(version, request, validateRequest(version.config, request), many ? answer : undefined);
  };

/** One that still ends its requests will do: the other worker had it when the request arrived. */
function findVersion(registry: Registry, { model, namespace, version }: ForwardedRequest): ReadyVersion | undefined {
  try {
    return registry.find(model, version, { closing: true, near: namespace || undefined });
  } catch (error) {
    if (error instanceof RuntimeFault) return undefined;
    throw error;
  }
}
