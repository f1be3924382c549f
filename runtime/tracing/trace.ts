/**
 * What is noted of one traced request: time stamps and tensors, and the same of the requests that an ensemble makes for it.
 */
import type { Tensor } from "../tensor.js";

export interface TraceLevels {
  readonly timestamps: boolean;
  readonly tensors: boolean;
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

export type TensorActivity = "TENSOR_QUEUE_INPUT" | "TENSOR_BACKEND_OUTPUT";

export interface TracedTensor {
  readonly activity: TensorActivity;
  readonly tensor: Tensor;
}

/** One stage of a plan that ran for the request; nanoseconds on the clock of `performance.now()`. */
export interface TracedStage {
  readonly name: string;
  readonly op: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

export interface Trace {
  readonly id: number;
  /** The trace of the ensemble whose step this is. */
  readonly parent?: Trace;
  /** This trace and those below it, in the order they began. */
  readonly family: readonly Trace[];
  readonly levels: TraceLevels;
  /** The client's own trace, from `traceparent`. */
  readonly context?: TraceContext;
  readonly model: string;
  readonly version: number;
  readonly requestId: string;
  readonly stamps: readonly { readonly moment: Moment; readonly ns: number }[];
  readonly tensors: readonly TracedTensor[];
  /** Of a plan; Triton's trace file has no place for them, OpenTelemetry has. */
  readonly stages: TracedStage[];
  /** The model version that takes the request. */
  begin(model: string, version: number, requestId: string): void;
  /** @param ns nanoseconds on the clock of `performance.now()`; now when left out */
  stamp(moment: Moment, ns?: number): void;
  note(activity: TensorActivity, tensors: Iterable<Tensor>): void;
  child(): Trace;
  /** The request is answered; only the outermost trace ends. */
  end(): void;
}

/** Ids of a W3C `traceparent` header, in hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

export interface TraceOptions {
  readonly levels: TraceLevels;
  readonly context?: TraceContext;
  nextId(): number;
  onEnd(trace: Trace): void;
}

/** Tensors are copied up to this many bytes each, and a trace takes so many notes: it is no store. */
const MAX_TENSOR_BYTES = 2 ** 20;
const MAX_NOTES = 4096;

export function createTrace(options: TraceOptions, parent?: Trace, family: Trace[] = []): Trace {
  const stamps: { readonly moment: Moment; readonly ns: number }[] = [];
  const tensors: TracedTensor[] = [];
  const { levels, context } = options;
  let [model, version, requestId] = ["", -1, ""];
  let ended = false;
  const trace: Trace = {
    id: options.nextId(),
    ...(parent && { parent }),
    ...(context && { context }),
    family,
    levels,
    stamps,
    tensors,
    stages: [],
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
    },
    note(activity, given) {
      if (!levels.tensors) return;
      for (const tensor of given)
        if (tensor.data.byteLength <= MAX_TENSOR_BYTES && tensors.length < MAX_NOTES)
          tensors.push({ activity, tensor: { ...tensor, data: Uint8Array.from(tensor.data) } });
    },
    child: () => createTrace(options, trace, family),
    end() {
      if (parent || ended) return;
      ended = true;
      options.onEnd(trace);
    },
  };
  family.push(trace);
  return trace;
}
