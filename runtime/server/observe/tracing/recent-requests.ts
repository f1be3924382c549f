/**
 * The last requests of a server, over any protocol, with the results of each stage: for the page. A ring of traces, each with only the
 * first elements of its tensors. The number per second is limited, so that the cost for a busy server is small.
 */
import { type PrintedTensor, printHead } from "./print-head.js";
import { createTrace, type Moment, type Trace, type TracedStage, type TraceNotes } from "./trace.js";

export interface RecentOptions {
  /** Requests that are kept. @default 50 */
  readonly most?: number;
  /** Requests that are noted in a second; the others go by unseen. @default 100 */
  readonly perSecond?: number;
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
  readonly fault?: string;
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
  readonly tensors: readonly PrintedTensor[];
}

export interface RecentDetail extends RecentRequest {
  readonly inputs: readonly PrintedTensor[];
  readonly outputs: readonly PrintedTensor[];
  readonly stages: readonly RecentStage[];
  /** For each row of the request, what became of each candidate, as the parameter `explain` reports it. */
  readonly explain?: unknown;
}

export interface RecentRequests {
  /** A trace of the request; undefined if it is not recorded. */
  sample(model: string): TraceNotes | undefined;
  /** The newest first. */
  list(): readonly RecentRequest[];
  find(id: number): RecentDetail | undefined;
  /** Id of the newest; 0 for none. */
  readonly newest: number;
  /** Requests that were not recorded, since there were too many at once. */
  readonly unseen: number;
}

/** Bytes of each tensor that are kept: 200 elements of the widest type. */
const HEAD_BYTES = 1600;

export function createRecentRequests({ most = 50, perSecond = 100 }: RecentOptions = {}): RecentRequests {
  const ring: Trace[] = [];
  // Stamps are on the clock of `performance.now()`, people read another.
  const epochMs = performance.timeOrigin;
  let [second, inSecond, newest, lastId, unseen] = [0, 0, 0, 0, 0];
  const summary = (trace: Trace): RecentRequest => {
    const began = momentNs(trace, "HTTP_RECV_START", "GRPC_WAITREAD_START", "REQUEST_START");
    const ended = trace.stamps.at(-1)?.ns ?? began;
    return {
      id: trace.id,
      at: epochMs + began / 1e6,
      model: trace.model,
      version: trace.version,
      requestId: trace.requestId,
      protocol: trace.stamps.some(({ moment }) => moment.startsWith("HTTP")) ? "HTTP" : "gRPC",
      ms: (ended - began) / 1e6,
      ...(trace.fault !== undefined && { fault: trace.fault }),
    };
  };
  return {
    sample(model) {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) [second, inSecond] = [now, 0];
      if (++inSecond > perSecond) {
        unseen++;
        return undefined;
      }
      const trace = createTrace({
        levels: { timestamps: true, tensors: true, insides: true },
        headBytes: HEAD_BYTES,
        nextId: () => ++lastId,
        onEnd(trace) {
          newest = trace.id;
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
      const began = momentNs(trace, "HTTP_RECV_START", "GRPC_WAITREAD_START", "REQUEST_START");
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
    get newest() {
      return newest;
    },
    get unseen() {
      return unseen;
    },
  };
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
    tensors: tensorsOf(trace, "TENSOR_BACKEND_OUTPUT"),
  };
}
