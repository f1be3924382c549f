/**
 * The answers of several workers as one: indexes, statistics, metrics, settings of traces, and lines of the log.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { IndexEntry } from "#runtime/server/models/model-states.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import {
  createStatistics,
  printStatistics,
  recordExecution,
  recordSuccess,
} from "#runtime/server/observe/statistics.js";
import type { StagedStatistics } from "#runtime/server/requests/server-calls.js";
import { mergeFaults, mergeTraceSettings } from "#runtime/server/workers/control.js";
import { mergeIndexes } from "#runtime/server/workers/merge-index.js";
import { WorkerMetrics } from "#runtime/server/workers/merge-metrics.js";
import { WorkerStatistics } from "#runtime/server/workers/merge-statistics.js";
import type { SharedLine } from "#runtime/server/workers/messages.js";
import { OnceLog, sharedLog } from "#runtime/server/workers/shared-log.js";

const entry = (state: IndexEntry["state"], name = "m", reason = ""): IndexEntry => ({
  name,
  version: "1",
  ...(state && { state }),
  ...(reason && { reason }),
});

test("an index is ready where every worker's is, and has the reason of one that is not", () => {
  expect(mergeIndexes([[entry("READY")], [entry("READY")]])).toEqual([entry("READY")]);
  expect(mergeIndexes([[entry("READY")], [entry("UNAVAILABLE", "m", "why")]])).toEqual([
    entry("UNAVAILABLE", "m", "why"),
  ]);
  expect(mergeIndexes([[entry("UNAVAILABLE")], [entry("LOADING")]])).toEqual([entry("LOADING")]);
  // Two repositories with a model of one name.
  expect(
    mergeIndexes([
      [entry("READY"), entry("UNAVAILABLE")],
      [entry("READY"), entry("READY")],
    ]),
  ).toEqual([entry("READY"), entry("UNAVAILABLE")]);
  expect(mergeIndexes([])).toEqual([]);
});

type Request = { readonly batch: number; readonly ns: number; readonly worker: number };
const requests = fc.array(
  fc.record({
    batch: fc.integer({ min: 1, max: 4 }),
    ns: fc.integer({ min: 1, max: 1000 }),
    worker: fc.nat({ max: 2 }),
  }),
  { maxLength: 30 },
);
function statisticsOf(all: readonly Request[]): StagedStatistics {
  const counted = createStatistics();
  for (const { batch, ns } of all) {
    recordExecution(counted, batch, { input: ns, infer: ns, output: ns });
    recordSuccess(counted, batch, ns, { input: ns, infer: ns, output: ns }, ns);
  }
  counted.lastInference = all.length;
  return printStatistics("m", "1", counted);
}

test("the statistics of several workers are those of one that had all requests, also after the end of some", () => {
  fc.assert(
    fc.property(requests, fc.subarray([0, 1, 2], { maxLength: 2 }), (all, ended) => {
      const merged = new WorkerStatistics();
      const parts = [0, 1, 2].map(worker => all.filter(one => one.worker === worker));
      const answers = new Map(parts.map((part, worker) => [worker, [statisticsOf(part)]]));
      const ask = (living: readonly number[]) =>
        merged.merge(living, new Map([...answers].filter(([worker]) => living.includes(worker))))[0]!;
      const { last_inference: last, ...whole } = statisticsOf(all);
      expect(ask([0, 1, 2])).toEqual({ ...whole, last_inference: Math.max(...parts.map(({ length }) => length)) });
      for (const worker of ended) merged.end(worker);
      expect(ask([0, 1, 2].filter(worker => !ended.includes(worker)))).toMatchObject(whole);
      expect(last).toBe(all.length);
    }),
  );
});

test("a worker that does not answer counts with its last answer, and new versions count from nothing", () => {
  const merged = new WorkerStatistics();
  const of = (count: number) => [statisticsOf(Array.from({ length: count }, () => ({ batch: 1, ns: 1, worker: 0 })))];
  expect(
    merged.merge(
      [1, 2],
      new Map([
        [1, of(2)],
        [2, of(3)],
      ]),
    )[0]!.inference_count,
  ).toBe(5);
  expect(merged.merge([1, 2], new Map([[1, of(4)]]))[0]!.inference_count).toBe(7);
  merged.end(2);
  expect(merged.merge([1], new Map([[1, of(4)]]))[0]!.inference_count).toBe(7);
  merged.forget("m");
  expect(merged.merge([1], new Map([[1, of(0)]]))[0]!.inference_count).toBe(0);
});

const METRICS = (count: number, load: number, cpu: number, quantile: string): string => `# HELP nv_inference_count c
# TYPE nv_inference_count counter
nv_inference_count{model="m",version="1"} ${count}
# HELP nv_inference_request_failure f
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="m",reason="OTHER",version="1"} ${count}
# HELP nv_model_load_duration_secs l
# TYPE nv_model_load_duration_secs gauge
nv_model_load_duration_secs{model="m",version="1"} ${load}
# HELP nv_cpu_utilization u
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization ${cpu}
# HELP s s
# TYPE s summary
s_count{model="m",version="1"} ${count}
s_sum{model="m",version="1"} ${count * 10}
s{model="m",version="1",quantile="0.5"} ${quantile}
# HELP merlon_memory_resident_bytes r
# TYPE merlon_memory_resident_bytes gauge
merlon_memory_resident_bytes 100
`;

test("metrics: counters add up, gauges by their meaning, and no counter falls when a worker ends", () => {
  const merged = new WorkerMetrics();
  const both = new Map([
    [1, METRICS(2, 0.5, 0.25, "7")],
    [2, METRICS(3, 0.75, 0.5, "Nan")],
  ]);
  expect(merged.merge([1, 2], both, 11)).toBe(METRICS(5, 0.75, 0.25, "7").replace("bytes 100", "bytes 211"));
  merged.end(2);
  const after = merged.merge([1], new Map([[1, METRICS(2, 0.5, 0.25, "7")]]), 0);
  expect(after).toBe(METRICS(5, 0.5, 0.25, "7"));
  merged.forget("m");
  const anew = merged.merge([1], new Map([[1, METRICS(0, 0.5, 0.25, "7")]]), 0);
  expect(anew).toContain('nv_inference_count{model="m",version="1"} 0\n');
  expect(anew).toContain('nv_inference_request_failure{model="m",reason="OTHER",version="1"} 3\n');
});

test("the traces that are left add up; any number stays any number", () => {
  expect(mergeTraceSettings([{ trace_count: "2" }, { trace_count: "3" }])).toEqual({ trace_count: "5" });
  expect(mergeTraceSettings([{ trace_count: "-1" }, { trace_count: "-1" }])).toEqual({ trace_count: "-1" });
  expect(mergeTraceSettings([])).toEqual({});
});

/** A log that notes its calls. */
function noted() {
  const lines: string[] = [];
  const line = (level: string) => (source: string, text: string) => void lines.push(`${level} ${source} ${text}`);
  const log: ServerLog = {
    info: line("info"),
    warning: line("warning"),
    error: line("error"),
    hint: line("hint"),
    table: line("table"),
    verbose: line("verbose"),
    library: (name, source, text) => void lines.push(`library ${name} ${source} ${text}`),
    isVerbose: true,
  };
  return { lines, log };
}

test("lines about models are sent, lines about requests are printed by the worker", () => {
  const { lines, log } = noted();
  const sent: SharedLine[] = [];
  let isChanging = false;
  const own = sharedLog(
    log,
    line => sent.push(line),
    () => isChanging,
  );
  own.info("model_lifecycle", "loading: m:1");
  own.info("onnxruntime", "of a request");
  own.error("grpc_server", "of a request");
  own.verbose("model_lifecycle", "of this process");
  isChanging = true;
  own.info("onnxruntime", "of a model");
  own.error("grpc_server", "of a request");
  expect(sent.map(({ text }) => text)).toEqual(["loading: m:1", "of a model"]);
  expect(lines).toHaveLength(4);
});

test("a line of several workers is printed once, as often as one of them has it", () => {
  const { lines, log } = noted();
  let living = [1, 2];
  const once = new OnceLog(log, () => living);
  const line = (text: string): SharedLine => ({ level: "info", source: "s", text });
  for (const worker of [1, 2, 2, 1]) once.take(worker, line("both, twice"));
  expect(lines).toHaveLength(2);
  // The first one again, which the other has not printed yet.
  once.take(1, line("one alone"));
  once.take(1, line("one alone"));
  expect(lines).toHaveLength(4);
  once.take(2, line("one alone"));
  once.take(2, line("one alone"));
  expect(lines).toHaveLength(4);
  living = [1];
  once.take(1, line("alone in the server"));
  once.take(1, line("alone in the server"));
  expect(lines).toHaveLength(6);
});

test("hits of requests add up, loads count once, and a fault that is over in one worker is over", () => {
  const error = { model: "m", error: { code: "INTERNAL" as const } };
  const load = { model: "m", failLoad: true as const };
  const merged = mergeFaults([
    [
      { id: 2, fault: load, hits: 3 },
      { id: 1, fault: error, hits: 3 },
      { id: 3, fault: { ...error, times: 5 }, hits: 4 },
      { id: 4, fault: { ...error, times: 5 }, hits: 0 },
    ],
    [
      { id: 1, fault: error, hits: 4 },
      { id: 2, fault: load, hits: 3 },
      { id: 3, fault: { ...error, times: 5 }, hits: 0 },
    ],
  ]);
  expect(merged.map(({ id, hits }) => [id, hits])).toEqual([
    [1, 7],
    [2, 3],
    [3, 4],
  ]);
});

test("series of one worker alone have the place that they have in its text", () => {
  const text = (models: string): string =>
    `# HELP nv_a A\n# TYPE nv_a counter\n${[...models].map(model => `nv_a{model="${model}"} 1\n`).join("")}`;
  const metrics = new WorkerMetrics();
  const merged = metrics.merge(
    [1, 2, 3],
    new Map([
      [1, text("bd")],
      [2, text("abcd")],
      [3, text("de")],
    ]),
    0,
  );
  expect([...merged.matchAll(/model="(.)"\} (\d)/g)].map(([, model, count]) => `${model}${count}`)).toEqual([
    ...["a1", "b2", "c1", "d3", "e1"],
  ]);
});
