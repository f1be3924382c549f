/**
 * Traces as OpenTelemetry spans, sent in batches with OTLP over HTTP (protobuf, opentelemetry-proto 1.x): one span for the request, one for each
 * model, one for its computing, one for each stage of a plan. Moments are events of their span.
 */

import { randomBytes } from "node:crypto";
import { maskAddress } from "../../../../contract/secret.js";
import { factsOf } from "../../../../contract/step-facts.js";
import type { Span } from "./otlp-message.js";
import type { Moment, Trace, TraceSink } from "./trace.js";

export interface OtlpOptions {
  readonly url: string;
  /** Attributes of the resource: `service.name` and others. */
  readonly resource: Readonly<Record<string, string>>;
  readonly maxQueueSize: number;
  readonly scheduleDelayMs: number;
  readonly maxExportBatchSize: number;
}

export const USUAL_OTLP: OtlpOptions = {
  url: "http://localhost:4318/v1/traces",
  resource: { "service.name": "triton-inference-server" },
  maxQueueSize: 2048,
  scheduleDelayMs: 5000,
  maxExportBatchSize: 512,
};

const PATIENCE_MS = 10_000;

export function createOtlpExporter(options: OtlpOptions, complain: (text: string) => void): TraceSink {
  const { maxQueueSize, maxExportBatchSize, scheduleDelayMs, resource } = options;
  const url = /^https?:\/\//.test(options.url) ? options.url : `http://${options.url}`;
  const shown = maskAddress(url);
  let queue: Span[] = [];
  let sending: Promise<void> = Promise.resolve();
  let failing = false;
  const flush = (): void => {
    while (queue.length > 0) {
      const batch = queue.slice(0, maxExportBatchSize);
      queue = queue.slice(maxExportBatchSize);
      sending = sending
        // The encoder comes with the first spans: a server that sends none starts without it.
        .then(() => import("./otlp-message.js"))
        .then(({ encodeTraces }) => send(url, encodeTraces(resource, batch)))
        .then(
          () => {
            failing = false;
          },
          error => {
            // Once, not for each batch of a collector that is away.
            if (!failing) complain(`spans cannot be sent to ${shown}: ${reasonOf(error).replaceAll(url, shown)}`);
            failing = true;
          },
        );
    }
  };
  const timer = setInterval(flush, scheduleDelayMs);
  timer.unref();
  return {
    add(trace) {
      const spans = spansOf(trace);
      if (queue.length + spans.length > maxQueueSize) return;
      queue.push(...spans);
      if (queue.length >= maxExportBatchSize) flush();
    },
    async close() {
      clearInterval(timer);
      flush();
      await sending;
    },
  };
}

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
};

async function send(url: string, body: Uint8Array): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/x-protobuf" },
    body: Buffer.from(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the receiver answered ${response.status}`);
}

const COMPUTE: readonly Moment[] = ["COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END"];
const MODEL: readonly Moment[] = [
  "REQUEST_START",
  "QUEUE_START",
  "CACHE_HIT_LOOKUP_START",
  "CACHE_HIT_LOOKUP_END",
  "REQUEST_END",
];

function spansOf(trace: Trace): Span[] {
  const traceId = trace.context?.traceId ?? randomBytes(16).toString("hex");
  const ids = new Map<Trace, string>();
  const span = (
    name: string,
    parentId: string,
    moments: Trace["stamps"],
    attributes: Readonly<Record<string, string | number>>,
  ): Span => {
    const times = moments.map(({ ns }) => ns);
    return {
      traceId,
      spanId: randomBytes(8).toString("hex"),
      parentId,
      name,
      start: unixNanos(Math.min(...times)),
      end: unixNanos(Math.max(...times)),
      attributes,
      events: moments.map(({ moment, ns }) => ({ name: moment, at: unixNanos(ns) })),
    };
  };
  if (trace.stamps.length === 0) return [];
  const outer = trace.stamps.filter(({ moment }) => !COMPUTE.includes(moment) && !MODEL.includes(moment));
  const top = span("InferRequest", trace.context?.spanId ?? "", outer.length > 0 ? outer : trace.stamps, {});
  const spans = [top];
  for (const one of trace.family) {
    const attributes = {
      "triton.model_name": one.model,
      "triton.model_version": one.version,
      "triton.trace_id": one.id,
      ...(one.parent && { "triton.trace_parent_id": one.parent.id }),
      ...(one.requestId && { "triton.request_id": one.requestId }),
    };
    const own = one.stamps.filter(({ moment }) => MODEL.includes(moment));
    if (own.length === 0) continue;
    const model = span(one.model, (one.parent && ids.get(one.parent)) ?? top.spanId, own, attributes);
    ids.set(one, model.spanId);
    spans.push(model);
    const computing = one.stamps.filter(({ moment }) => COMPUTE.includes(moment));
    const compute = computing.length > 0 ? span("compute", model.spanId, computing, attributes) : model;
    if (compute !== model) spans.push(compute);
    for (const { name, op, startNs, endNs, rowsIn, rowsOut } of one.stages)
      spans.push({
        traceId,
        spanId: randomBytes(8).toString("hex"),
        parentId: compute.spanId,
        name: `merlon.stage ${name}`,
        start: unixNanos(startNs),
        end: unixNanos(endNs),
        attributes: {
          "merlon.stage.name": name,
          "merlon.stage.op": op,
          "merlon.stage.rows_in": rowsIn,
          "merlon.stage.rows_out": rowsOut,
          "merlon.stage.rows_dropped": factsOf(op).filters ? rowsIn - rowsOut : 0,
        },
        events: [],
      });
  }
  return spans;
}

/** The clock of `performance.now()`, in nanoseconds → nanoseconds since 1970. */
const unixNanos = (ns: number): bigint =>
  BigInt(Math.floor(performance.timeOrigin * 1000)) * 1000n + BigInt(Math.round(ns));
