/**
 * The last requests of a server, over any protocol, with the results of each stage: for the page. A ring of traces, each
 * with the first elements of its tensors alone. The number of traces per second is limited, so that they
 * hardly slow a busy server.
 * All requests are counted in the history.
 */
import type { Tensor } from "../../../base/tensor.js";
import { stepOfFault } from "../../../engine/schedule/run-stages.js";
import {
  createHistory,
  type HistoryCounts,
  type HistoryOptions,
  type HistoryRecorder,
  type RequestHistory,
} from "../request-history.js";
import { type PrintedTensor, printHead } from "./print-head.js";
import { createTrace, type Moment, type Trace, type TracedStage, type TraceNotes } from "./trace.js";

export interface RecentOptions {
  /** Requests that are kept. @default 50 */
  readonly most?: number;
  /** Requests that are noted in a second; the others go by unseen. @default 100 */
  readonly perSecond?: number;
  readonly history?: HistoryOptions;
  /** Id before that of the first request. @default 0 */
  readonly lastId?: number;
}

export interface RecentRequest {
  readonly id: number;
  /** Unix milliseconds of its arrival. */
  readonly at: number;
  readonly model: string;
  readonly version: number;
  readonly requestId: string;
  readonly protocol: "gRPC" | "HTTP";
  readonly ms: number;
  /** The input that names the user, or the first one: its first value, and the rows of the request. Absent if the request was refused. */
  readonly user?: { readonly input: string; readonly value: PrintedTensor["values"][number]; readonly rows: number };
  /** The first output with items, or the first one. */
  readonly answer?: { readonly output: string; readonly shape: readonly number[] };
  /** The arm of its row, or a JSON list of its rows' arms. */
  readonly arm?: string;
  readonly fault?: string;
  /** The failed step. */
  readonly failedStep?: string;
}

/** One stage of a plan, or one member of an ensemble. */
export interface RecentStage {
  readonly name: string;
  readonly op: string;
  /** Microseconds after the request's arrival, and how long it took. */
  readonly begin: number;
  readonly micros: number;
  readonly rowsIn?: number;
  readonly rowsOut?: number;
  readonly fault?: string;
  readonly tensors: readonly PrintedTensor[];
}

export interface RecentDetail extends RecentRequest {
  readonly inputs: readonly PrintedTensor[];
  readonly outputs: readonly PrintedTensor[];
  readonly stages: readonly RecentStage[];
  /** For each row of the request, what became of each candidate, as the parameter `explain` reports it. */
  readonly explain?: unknown;
}

type Later<T> = T | Promise<T>;

/** The last requests of a server, of one process or of several. */
export interface ReadableRequests {
  /** The newest first. */
  list(): Later<readonly RecentRequest[]>;
  find(id: number): Later<RecentDetail | undefined>;
  state(): Later<RecentState>;
  /** @param model all models if undefined @returns undefined for a model that is not recorded */
  history(model?: string): Later<RequestHistory | undefined>;
}

export interface RecentState {
  /** Changes with each request that is recorded. */
  readonly newest: number;
  /** Requests that were not recorded, since there were too many at once. */
  readonly unseen: number;
}

export interface RecentRequests extends ReadableRequests {
  /** A trace of the request, or notes that count it alone. */
  sample(model: string): TraceNotes;
  list(): readonly RecentRequest[];
  find(id: number): RecentDetail | undefined;
  state(): RecentState;
  /** Id of the newest; 0 for none. */
  readonly newest: number;
  /** Requests that were not recorded, since there were too many at once. */
  readonly unseen: number;
  history(model?: string): RequestHistory | undefined;
  /** The counts behind `history`. */
  counts(model?: string): HistoryCounts | undefined;
}

/** Bytes of each tensor that are kept: 200 elements of the widest type. */
const HEAD_BYTES = 1600;

export function createRecentRequests(options: RecentOptions = {}): RecentRequests {
  const { most = 50, perSecond = 100 } = options;
  const ring: Trace[] = [];
  const history = createHistory({ epochMs: 0, ...options.history });
  // Stamps are on the clock of `performance.now()`, people read another.
  const epochMs = performance.timeOrigin;
  let { lastId = 0 } = options;
  let [second, inSecond, newest, unseen] = [0, 0, 0, 0];
  const summary = (trace: Trace): RecentRequest => {
    const began = beganNs(trace);
    return {
      id: trace.id,
      at: epochMs + began / 1e6,
      model: trace.model,
      version: trace.version,
      requestId: trace.requestId,
      protocol: trace.stamps.some(({ moment }) => moment.startsWith("HTTP")) ? "HTTP" : "gRPC",
      ms: durationMs(trace),
      ...userOf(trace),
      ...answerOf(trace),
      ...armOf(trace),
      ...faultOf(trace),
    };
  };
  return {
    sample(model) {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) [second, inSecond] = [now, 0];
      if (++inSecond > perSecond) {
        unseen++;
        return new CountedOnly(model, history);
      }
      const trace = createTrace({
        levels: { timestamps: true, tensors: true, insides: true },
        headBytes: HEAD_BYTES,
        nextId: () => ++lastId,
        onEnd(trace) {
          newest = trace.id;
          history.add(trace.model, durationMs(trace), trace.fault !== undefined);
          ring.unshift(trace);
          if (ring.length > most) ring.length = most;
        },
      });
      // A request that is refused gets no further.
      trace.begin(model, -1, "");
      return trace;
    },
    list: () => ring.map(summary),
    find(id) {
      const trace = ring.find(one => one.id === id);
      if (!trace) return undefined;
      const began = beganNs(trace);
      return {
        ...summary(trace),
        inputs: tensorsOf(trace, "TENSOR_QUEUE_INPUT"),
        outputs: tensorsOf(trace, "TENSOR_BACKEND_OUTPUT"),
        stages: trace.family
          .flatMap(one => [...(one === trace ? [] : [memberStage(one, began)]), ...one.stages.map(planStage(began))])
          .toSorted((a, b) => a.begin - b.begin),
        ...(trace.explain !== undefined && { explain: JSON.parse(trace.explain) }),
      };
    },
    state: () => ({ newest, unseen }),
    history: model => history.read(model),
    counts: model => history.counts(model),
    get newest() {
      return newest;
    },
    get unseen() {
      return unseen;
    },
  };
}

/** A request above the rate has only its duration and whether it failed. */
class CountedOnly implements TraceNotes {
  readonly levels = { timestamps: false, tensors: false } as const;
  readonly traceparent = undefined;
  readonly #model: string;
  readonly #history: HistoryRecorder;
  readonly #began = performance.now();
  #failed = false;
  #ended = false;

  constructor(model: string, history: HistoryRecorder) {
    this.#model = model;
    this.#history = history;
  }

  begin(): void {}
  stamp(): void {}
  note(): void {}
  ran(): void {}
  /** The ensemble reports the notes of its steps. */
  child(): TraceNotes {
    return IGNORED;
  }
  fail(): void {
    this.#failed = true;
  }
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#history.add(this.#model, performance.now() - this.#began, this.#failed);
  }
}

const IGNORED: TraceNotes = {
  levels: { timestamps: false, tensors: false },
  traceparent: undefined,
  begin: () => {},
  stamp: () => {},
  note: () => {},
  ran: () => {},
  fail: () => {},
  child: () => IGNORED,
  end: () => {},
};

const beganNs = (trace: Trace): number => momentNs(trace, "HTTP_RECV_START", "GRPC_WAITREAD_START", "REQUEST_START");

const durationMs = (trace: Trace): number => {
  const began = beganNs(trace);
  return ((trace.stamps.at(-1)?.ns ?? began) - began) / 1e6;
};

function userOf({ tensors }: Trace): Pick<RecentRequest, "user"> {
  const inputs = tensors.flatMap(({ activity, tensor }) => (activity === "TENSOR_QUEUE_INPUT" ? [tensor] : []));
  const tensor = inputs.find(({ name }) => /user/i.test(name)) ?? inputs[0];
  if (!tensor) return {};
  const { name, shape, values } = printHead(tensor);
  return values.length === 0 ? {} : { user: { input: name, value: values[0]!, rows: shape[0] ?? 1 } };
}

function answerOf({ tensors }: Trace): Pick<RecentRequest, "answer"> {
  const outputs = tensors.flatMap(({ activity, tensor }) => (activity === "TENSOR_BACKEND_OUTPUT" ? [tensor] : []));
  // Items rather than their scores and propensities, of which some have earlier names.
  const isItems = ({ name, datatype }: Tensor): boolean =>
    !/^(FP|BF|BOOL)/.test(datatype) && !/__(offsets|validity)$/.test(name);
  const first = outputs.find(isItems) ?? outputs[0];
  return first ? { answer: { output: first.name, shape: [...first.shape] } } : {};
}

/** Characters of the arms that are kept: a request may have many rows. */
const MOST_ARMS = 1000;

/** The arm of the request itself, or of a member of an ensemble. */
function armOf({ family }: Trace): Pick<RecentRequest, "arm"> {
  const arm = family.find(({ arms }) => arms.length > 0)?.arms[0];
  return arm === undefined ? {} : { arm: arm.length > MOST_ARMS ? `${arm.slice(0, MOST_ARMS)}…` : arm };
}

function faultOf({ fault }: Trace): Pick<RecentRequest, "fault" | "failedStep"> {
  if (fault === undefined) return {};
  const failedStep = stepOfFault(fault);
  return { fault, ...(failedStep !== undefined && { failedStep }) };
}

const momentNs = ({ stamps }: Trace, ...moments: readonly Moment[]): number =>
  moments.map(name => stamps.find(({ moment }) => moment === name)?.ns).find(ns => ns !== undefined) ??
  stamps[0]?.ns ??
  0;

const tensorsOf = ({ tensors }: Trace, wanted: Trace["tensors"][number]["activity"]): readonly PrintedTensor[] =>
  tensors.flatMap(({ activity, tensor }) => (activity === wanted ? [printHead(tensor)] : []));

const planStage =
  (beganNs: number) =>
  ({ name, op, startNs, endNs, rowsIn, rowsOut, tensors = [] }: TracedStage): RecentStage => ({
    name,
    op,
    begin: Math.round((startNs - beganNs) / 1000),
    micros: Math.round((endNs - startNs) / 1000),
    rowsIn,
    rowsOut,
    tensors: tensors.map(printHead),
  });

/** A member of an ensemble is called as a model of its own. */
function memberStage(trace: Trace, beganNs: number): RecentStage {
  const start = momentNs(trace, "REQUEST_START");
  const end = trace.stamps.at(-1)?.ns ?? start;
  return {
    name: trace.model,
    op: "model",
    begin: Math.round((start - beganNs) / 1000),
    micros: Math.round((end - start) / 1000),
    ...(trace.fault !== undefined && { fault: trace.fault }),
    tensors: tensorsOf(trace, "TENSOR_BACKEND_OUTPUT"),
  };
}
