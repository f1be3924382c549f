/**
 * A request that another worker forwarded → the data plane of this one. It runs here whatever its home is, so that it never travels twice. It runs in the
 * version that it met where it arrived. This worker may have published a newer one by now, or may be about to publish that one.
 */
import type { Cancellation } from "../../base/cancellation.js";
import type { RuntimeFault } from "../../base/errors.js";
import type { RequestMemory } from "../../base/memory/request-memory.js";
import type { InferRequest, InferResponse } from "../contract.js";
import { VersionLease } from "../models/lease.js";
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

/** @returns the last response, if there is one; "absent" if the version is not loaded here @throws RuntimeFault */
export type RunReceived = (received: Received) => Promise<InferResponse | undefined | "absent">;

export const runReceived =
  (registry: Registry, count: () => void): RunReceived =>
  async ({ forwarded, signal, memory, trace, answer }) => {
    const { generation, pins, id, parameters, inputs, outputs, headers, many } = forwarded;
    const version = registry.ofGeneration(generation);
    if (!version) return "absent";
    count();
    const request: { -readonly [K in keyof InferRequest]: InferRequest[K] } = {
      ...{ id, parameters, inputs, outputs, signal, isForwarded: true },
    };
    if (trace) request.trace = trace;
    if (memory) request.memory = memory;
    if (headers) request.headers = headers;
    const lease = pins.length > 0 ? new VersionLease(registry, pins) : undefined;
    if (lease) request.lease = lease;
    try {
      if (hasLargeStrings(inputs)) await countLargeStrings(inputs, signal);
      const valid = validateRequest(version.config, request);
      return await executeRequest(version, request, valid, many ? answer : undefined);
    } finally {
      lease?.end();
    }
  };
