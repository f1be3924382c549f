/**
 * The trace of one request: time stamps and tensors, and the same for the requests that an ensemble makes for it.
 */
import { randomBytes } from "node:crypto";
import type { OpKind } from "../../../../contract/op-params.js";
import type { Tensor } from "../../../base/tensor.js";

export interface TraceLevels {
  readonly timestamps: boolean;
  readonly tensors: boolean;
  /** The outputs of each stage of a plan, and the fate of candidates; Triton has no such level. */
  readonly insides?: boolean;
}

/** Triton's names of the moments. */
export type Moment =
  | "HTTP_RECV_START"
  | "HTTP_RECV_END"
  | "HTTP_SEND_START"
  | "HTTP_SEND_END"
  | "GRPC_WAITREAD_START"
  | "GRPC_WAITREAD_END"
  | "GRPC_SEND_START"
  | "GRPC_SEND_END"
  | "REQUEST_START"
  | "QUEUE_START"
  | "CACHE_HIT_LOOKUP_START"
  | "CACHE_HIT_LOOKUP_END"
  | "INFER_RESPONSE_COMPLETE"
  | "COMPUTE_START"
  | "COMPUTE_INPUT_END"
  | "COMPUTE_OUTPUT_START"
  | "COMPUTE_END"
  | "REQUEST_END";

/** A moment that a back end reports: `CUSTOM_X_START` begins a span `CUSTOM_X` within the one that is open, `CUSTOM_X_END` ends it. */
export type CustomMoment = `CUSTOM_${string}`;

export type TensorActivity = "TENSOR_QUEUE_INPUT" | "TENSOR_BACKEND_OUTPUT";

export interface TracedTensor {
  readonly activity: TensorActivity;
  readonly tensor: Tensor;
}

/** One stage of a plan that ran for the request; nanoseconds on the clock of `performance.now()`. */
export interface TracedStage {
  readonly name: string;
  readonly op: OpKind;
  readonly startNs: number;
  readonly endNs: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** The first elements of its outputs, if `insides` are traced. */
  readonly tensors?: readonly Tensor[];
}

/** The trace of a request, as its handlers write to it. */
export interface TraceNotes {
  readonly levels: TraceLevels;
  /** The W3C header that names the model's span, where spans are exported. */
  readonly traceparent: string | undefined;
  /** The model version that takes the request. */
  begin(model: string, version: number, requestId: string): void;
  /** @param ns nanoseconds on the clock of `performance.now()`; now when left out */
  stamp(moment: Moment | CustomMoment, ns?: number): void;
  note(activity: TensorActivity, tensors: Iterable<Tensor>): void;
  /** Stages of a plan that ran. @param explain what became of each candidate, where `insides` are noted */
  ran(stages: readonly TracedStage[], explain?: string): void;
  /** The arms of its rows, as its response names them. */
  arm?(names: string): void;
  /** The request, or one of its answers, is a fault. */
  fail(message: string): void;
  child(): TraceNotes;
  /**
   * The request is answered. Only the outermost trace ends, and not before its models, which may run on after the client has disconnected.
   */
  end(): void;
}

export interface Trace extends TraceNotes {
  readonly id: number;
  /** The trace of the ensemble whose step this is. */
  readonly parent?: Trace;
  /** Hexadecimal, 32 digits: the client's, or one of the server's own. */
  readonly traceId: string;
  /** Hexadecimal, 16 digits, of the model's span. */
  readonly spanId: string;
  /** This trace and those below it, in the order they began. */
  readonly family: readonly Trace[];
  /** The client's own trace, from `traceparent`. */
  readonly context?: TraceContext;
  readonly model: string;
  readonly version: number;
  readonly requestId: string;
  readonly stamps: readonly Stamp[];
  readonly tensors: readonly TracedTensor[];
  /** The stages of a plan, each with an id beside those of traces. */
  readonly stages: readonly (TracedStage & { readonly id: number })[];
  readonly explain?: string | undefined;
  /** The arms of its rows, as one text, if the plan has some. */
  readonly arms: readonly string[];
  readonly fault?: string | undefined;
  child(): Trace;
}

export interface Stamp {
  readonly moment: Moment | CustomMoment;
  readonly ns: number;
}

/** Ids of a W3C `traceparent` header, in hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

export interface TraceOptions {
  readonly levels: TraceLevels;
  readonly context?: TraceContext;
  /** Bytes that are kept of a larger tensor; without it, tensors beyond a megabyte are not kept. */
  readonly headBytes?: number;
  /** Spans are sent to a collector, so that a continuation of the trace elsewhere gets a `traceparent`. */
  readonly exported?: boolean;
  nextId(): number;
  onEnd(trace: Trace): void;
}

/** Bounds of a tensor's copied bytes, of notes per trace, and of traces per request: a trace is not a store. */
const MAX_TENSOR_BYTES = 2 ** 20;
const MAX_NOTES = 4096;
const MAX_FAMILY = 4096;

/** The traces of one request. */
interface Family {
  readonly traces: Trace[];
  /** Those between REQUEST_START and REQUEST_END. */
  running: number;
  /** Called once when none is running any more. */
  idle?: (() => void) | undefined;
}

/** One object with the shared state of its methods: each is a line or two, and separate functions would pass all of it around. */
export function createTrace(options: TraceOptions, parent?: Trace, family: Family = { traces: [], running: 0 }): Trace {
  const stamps: Stamp[] = [];
  const stages: (TracedStage & { readonly id: number })[] = [];
  const [tensors, arms]: [TracedTensor[], string[]] = [[], []];
  const { levels, context, headBytes, headBytes: most = MAX_TENSOR_BYTES } = options;
  let [model, version, requestId] = ["", -1, ""];
  let [explain, fault, ownTraceId, spanId]: (string | undefined)[] = [];
  let ended = false;
  const trace: Trace = {
    id: options.nextId(),
    ...(parent && { parent }),
    ...(context && { context }),
    family: family.traces,
    levels,
    stamps,
    tensors,
    stages,
    get traceId() {
      if (parent) return parent.traceId;
      ownTraceId ??= context?.traceId ?? randomBytes(16).toString("hex");
      return ownTraceId;
    },
    get spanId() {
      spanId ??= randomBytes(8).toString("hex");
      return spanId;
    },
    get traceparent() {
      return options.exported ? `00-${trace.traceId}-${trace.spanId}-01` : undefined;
    },
    get explain() {
      return explain;
    },
    arms,
    get fault() {
      return fault;
    },
    get model() {
      return model;
    },
    get version() {
      return version;
    },
    get requestId() {
      return requestId;
    },
    begin(name, number, id) {
      [model, version, requestId] = [name, number, id];
    },
    stamp(moment, ns = performance.now() * 1e6) {
      if (levels.timestamps && stamps.length < MAX_NOTES) stamps.push({ moment, ns: Math.round(ns) });
      if (moment === "REQUEST_START") family.running++;
      if (moment !== "REQUEST_END" || --family.running > 0) return;
      family.idle?.();
      family.idle = undefined;
    },
    note(activity, given) {
      if (!levels.tensors) return;
      for (const tensor of given)
        if ((tensor.data.byteLength <= most || headBytes !== undefined) && tensors.length < MAX_NOTES)
          tensors.push({ activity, tensor: { ...tensor, data: Uint8Array.from(tensor.data.subarray(0, most)) } });
    },
    ran(given, story) {
      if (levels.timestamps) stages.push(...given.map(stage => ({ ...stage, id: options.nextId() })));
      explain = story ?? explain;
    },
    arm: names => void arms.push(names),
    fail(message) {
      fault ??= message;
    },
    child: () => createTrace(options, trace, family),
    end() {
      if (parent || ended) return;
      ended = true;
      if (family.running === 0) options.onEnd(trace);
      else family.idle = () => options.onEnd(trace);
    },
  };
  if (family.traces.length < MAX_FAMILY) family.traces.push(trace);
  return trace;
}

/** The destination of finished traces. */
export interface TraceSink {
  /**
   * @param scope whose settings it was taken by
   * @param every traces of a scope after which something is written; 0 for at the end
   */
  add(trace: Trace, scope: object, every: number): void;
  /** The scope's traces so far belong together. @param complete its count has run out, and all of them are there; otherwise its settings change */
  settled?(scope: object, complete: boolean): void;
  close(): Promise<void>;
}
