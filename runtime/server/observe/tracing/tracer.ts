/**
 * Decides which requests are traced, and hands finished traces on: settings by model, Triton's file or OpenTelemetry.
 */
import { invalid } from "../../../base/errors.js";
import type { ServerLog } from "../server-log.js";
import { createOtlpExporter, type OtlpOptions, USUAL_OTLP } from "./otlp.js";
import {
  type GivenSettings,
  printSettings,
  readSettings,
  type TraceMode,
  type TraceSettings,
  USUAL_SETTINGS,
} from "./settings.js";
import { createTrace, type TraceContext, type TraceNotes, type TraceSink } from "./trace.js";
import { createTraceFile } from "./trace-file.js";

export interface TracerOptions {
  readonly mode: TraceMode;
  readonly settings: Partial<TraceSettings>;
  /** Path of Triton's trace file; empty for none. */
  readonly file: string;
  readonly otlp: OtlpOptions;
  /** The file that clients see, where several workers write one each. */
  readonly shownFile?: string;
  /** This worker's share of a count of traces that a client sets. */
  readonly shareCount?: (count: number) => number;
  /** Number of the first trace; no two workers' ranges meet. */
  readonly firstId?: number;
}

/** The settings of a Triton that starts without any for tracing. */
export const USUAL_TRACING: TracerOptions = { mode: "triton", settings: {}, file: "", otlp: USUAL_OTLP };

type PrintedSettings = Readonly<Record<string, string | readonly string[]>>;

export interface Tracer {
  /** Whether a request may be traced at all. */
  readonly isOn: boolean;
  /** A trace for a request to this model, if it is sampled. @param traceparent the client's header: such a request is always traced */
  sample(model: string, traceparent?: string): TraceNotes | undefined;
  /** @throws RuntimeFault for a model that does not exist */
  print(model: string): PrintedSettings | Promise<PrintedSettings>;
  update(model: string, given: GivenSettings, protocol: "http" | "grpc"): void | Promise<void>;
  /** Writes what is left. */
  stop(): Promise<void>;
}

/** Counts of one scope: the server's, or a model's with settings of its own. */
interface Scope {
  readonly own: { -readonly [K in keyof TraceSettings]?: TraceSettings[K] | undefined };
  seen: number;
  /** Traces that have begun and not ended. */
  open: number;
}

/** @param isKnown whether a model exists */
export function createTracer(options: TracerOptions, isKnown: (model: string) => boolean, log: ServerLog): Tracer {
  const { mode, file } = options;
  const initial: TraceSettings = { ...USUAL_SETTINGS, ...options.settings };
  const server: Scope = { own: {}, seen: 0, open: 0 };
  const models = new Map<string, Scope>();
  const sink: TraceSink =
    mode === "opentelemetry"
      ? createOtlpExporter(options.otlp, log)
      : createTraceFile(file, text => log.error("tracer", text));
  let lastId = (options.firstId ?? 1) - 1;
  const merge = (base: TraceSettings, { own }: Scope): TraceSettings => ({
    level: own.level ?? base.level,
    rate: own.rate ?? base.rate,
    count: own.count ?? base.count,
    logFrequency: own.logFrequency ?? base.logFrequency,
  });
  const settingsOf = (model: string): TraceSettings => {
    const base = merge(initial, server);
    const scope = models.get(model);
    return scope ? merge(base, scope) : base;
  };
  const requireModel = (model: string): void => {
    if (model && !isKnown(model)) throw invalid(`Request for unknown model : ${model}`);
  };
  const traces = (model: string): boolean => !settingsOf(model).level.includes("OFF");
  let isOn = traces("");
  return {
    get isOn() {
      return isOn;
    },
    sample(model, traceparent) {
      const { level, rate, count, logFrequency } = settingsOf(model);
      const levels = { timestamps: level.includes("TIMESTAMPS"), tensors: level.includes("TENSORS") };
      if (!levels.timestamps && !levels.tensors) return undefined;
      const scope = models.get(model) ?? server;
      const context = mode === "opentelemetry" ? readTraceParent(traceparent) : undefined;
      if (count === 0 && !context) return undefined;
      // The client's own traces go on when the count has run out, and those whose turn it is not leave it as it is.
      const isTurn = rate !== 0 && ++scope.seen % rate === 0 && count !== 0;
      if (!isTurn && !context) return undefined;
      if (isTurn && count > 0) scope.own.count = count - 1;
      scope.open++;
      return createTrace({
        levels,
        ...(context && { context }),
        exported: mode === "opentelemetry",
        nextId: () => ++lastId,
        onEnd(trace) {
          sink.add(trace, scope, logFrequency);
          if (--scope.open === 0 && settingsOf(model).count === 0) sink.settled?.(scope, true);
        },
      });
    },
    print(model) {
      requireModel(model);
      return printSettings(settingsOf(model), mode, options.shownFile ?? file);
    },
    update(model, given, protocol) {
      requireModel(model);
      const all = readSettings(given, protocol);
      const share = options.shareCount;
      const read = share && all.count !== undefined && all.count > 0 ? { ...all, count: share(all.count) } : all;
      const scope = model ? (models.get(model) ?? { own: {}, seen: 0, open: 0 }) : server;
      sink.settled?.(scope, false);
      Object.assign(scope.own, read);
      if (model && Object.values(scope.own).every(value => value === undefined)) models.delete(model);
      else if (model) models.set(model, scope);
      isOn = traces("") || [...models.keys()].some(traces);
    },
    stop: () => sink.close(),
  };
}

/** `00-<trace>-<span>-<flags>`, W3C Trace Context. */
function readTraceParent(header: string | undefined): TraceContext | undefined {
  const [, traceId, spanId] = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}/i.exec(header ?? "") ?? [];
  if (!traceId || !spanId || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId: traceId.toLowerCase(), spanId: spanId.toLowerCase() };
}
