/**
 * Traces as OpenTelemetry spans, sent in batches with OTLP over HTTP (protobuf, opentelemetry-proto 1.x). The request, each model, its
 * computation, and each stage of a plan have a span. Moments are events of their span.
 */

import { randomBytes } from "node:crypto";
import { maskAddress } from "../../../../contract/secret.js";
import { factsOf } from "../../../../contract/step-facts.js";
import { inBackground } from "../../../base/in-background.js";
import type { ServerLog } from "../server-log.js";
import type { Span } from "./otlp-message.js";
import type { Stamp, Trace, TraceSink } from "./trace.js";

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

/** OpenTelemetry's batch span processor: a bounded queue, sent when the delay is over, when it is half full, or when there is a batch. */
export function createOtlpExporter(
  { maxQueueSize, maxExportBatchSize, scheduleDelayMs, resource, url: given }: OtlpOptions,
  log: Pick<ServerLog, "error" | "warning">,
): TraceSink {
  const url = /^https?:\/\//.test(given) ? given : `http://${given}`;
  const shown = maskAddress(url);
  const queue: Span[] = [];
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failing = false;
  let dropping = false;
  /** Sends all there is, one batch after the other: the queue stays the only place where spans wait, however slow the collector is. */
  const sendAll = async (): Promise<void> => {
    // The encoder is loaded with the first spans: a server that sends none starts without it.
    const { encodeTraces } = await import("./otlp-message.js");
    while (queue.length > 0)
      try {
        await send(url, encodeTraces(resource, queue.splice(0, maxExportBatchSize)));
        failing = false;
      } catch (error) {
        // Once, not for each batch of a collector that is away.
        if (!failing)
          log.error("tracer", `spans cannot be sent to ${shown}: ${reasonOf(error as Error).replaceAll(url, shown)}`);
        failing = true;
      }
    sending = undefined;
    dropping = false;
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendAll();
    return sending;
  };
  return {
    add(trace) {
      for (const span of spansOf(trace))
        if (queue.length < maxQueueSize) queue.push(span);
        else {
          // OpenTelemetry's text, once until the queue is empty again.
          if (!dropping) log.warning("tracer", "BatchSpanProcessor queue is full - dropping span.");
          dropping = true;
        }
      if (queue.length >= Math.min(maxExportBatchSize, maxQueueSize / 2)) inBackground(flush(), "sending spans");
      else timer ??= setTimeout(() => inBackground(flush(), "sending spans"), scheduleDelayMs).unref();
    },
    close: flush,
  };
}

const reasonOf = ({ message, cause }: Error): string =>
  cause instanceof Error ? `${message}: ${cause.message}` : message;

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

const COMPUTE: readonly Stamp["moment"][] = [
  "COMPUTE_START",
  "COMPUTE_INPUT_END",
  "COMPUTE_OUTPUT_START",
  "COMPUTE_END",
];
const MODEL: readonly Stamp["moment"][] = [
  "REQUEST_START",
  "QUEUE_START",
  "CACHE_HIT_LOOKUP_START",
  "CACHE_HIT_LOOKUP_END",
  "REQUEST_END",
];

function spansOf(trace: Trace): Span[] {
  if (trace.stamps.length === 0) return [];
  const outer = trace.stamps.filter(
    ({ moment }) => !isCustom(moment) && !COMPUTE.includes(moment) && !MODEL.includes(moment),
  );
  const top = stampedSpan(trace, "InferRequest", trace.context?.spanId ?? "", outer.length > 0 ? outer : trace.stamps);
  const spans = [top];
  for (const one of trace.family) {
    const attributes = {
      "triton.model_name": one.model,
      "triton.model_version": one.version,
      "triton.trace_id": one.id,
      "triton.trace_parent_id": one.parent?.id ?? 0,
      ...(one.requestId && { "triton.request_id": one.requestId }),
    };
    const [own, custom] = modelStamps(one);
    if (own.length === 0) continue;
    const parentId = one.parent?.spanId ?? top.spanId;
    const model = { ...stampedSpan(one, one.model, parentId, own, attributes), spanId: one.spanId };
    spans.push(model, ...custom);
    const computing = one.stamps.filter(({ moment }) => COMPUTE.includes(moment));
    const compute = computing.length > 0 ? stampedSpan(one, "compute", model.spanId, computing, attributes) : model;
    if (compute !== model) spans.push(compute);
    for (const { name, op, startNs, endNs, rowsIn, rowsOut } of one.stages)
      spans.push({
        traceId: one.traceId,
        spanId: newSpanId(),
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

/** From the first of its stamps to the last. */
function stampedSpan(
  { traceId }: Trace,
  name: string,
  parentId: string,
  stamps: readonly Stamp[],
  attributes: Span["attributes"] = {},
): Span {
  const times = stamps.map(({ ns }) => ns);
  return {
    traceId,
    spanId: newSpanId(),
    parentId,
    name,
    start: unixNanos(Math.min(...times)),
    end: unixNanos(Math.max(...times)),
    attributes,
    events: stamps.map(({ moment, ns }) => ({ name: moment, at: unixNanos(ns) })),
  };
}

const newSpanId = (): string => randomBytes(8).toString("hex");
const isCustom = (moment: Stamp["moment"]): boolean => moment.startsWith("CUSTOM_");

/**
 * A backend's events belong to the span that it opened last, or to the model's.
 * @returns the stamps of the model's span, and the spans below it that the back end opened
 */
function modelStamps(trace: Trace): [own: Stamp[], custom: Span[]] {
  interface Open {
    readonly name: string;
    readonly parentId: string;
    readonly stamps: Stamp[];
    readonly spanId: string;
  }
  const own: Stamp[] = [];
  const opened: Open[] = [];
  const open: Open[] = [];
  for (const stamp of trace.stamps) {
    const { moment } = stamp;
    if (MODEL.includes(moment)) own.push(stamp);
    if (!isCustom(moment)) continue;
    if (moment.endsWith("_START")) {
      const parentId = open.at(-1)?.spanId ?? trace.spanId;
      const begun = { name: moment.slice(0, -"_START".length), parentId, stamps: [], spanId: newSpanId() };
      opened.push(begun);
      open.push(begun);
    }
    (open.at(-1)?.stamps ?? own).push(stamp);
    if (moment.endsWith("_END")) open.pop();
  }
  return [
    own,
    opened.map(({ name, parentId, stamps, spanId }) => ({ ...stampedSpan(trace, name, parentId, stamps), spanId })),
  ];
}

/** The clock of `performance.now()`, in nanoseconds → nanoseconds since 1970. */
const unixNanos = (ns: number): bigint =>
  BigInt(Math.floor(performance.timeOrigin * 1000)) * 1000n + BigInt(Math.round(ns));
