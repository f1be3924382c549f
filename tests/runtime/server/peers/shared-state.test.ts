/**
 * State and limits that cannot be split exist once, for clients of every worker: sequences, resources of the rate limiter, queues, the response cache.
 * Statistics and traces are made once.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { repository } from "../support.js";
import { startLinked, stopAll, type Worker } from "./linked.js";

const int32 = (name: string): string => `{ name: "${name}" data_type: TYPE_INT32 dims: [1] }`;
const identity = (name: string, rest: string, delay = 0): Record<string, string> => ({
  [`${name}/config.pbtxt`]: `name: "${name}" backend: "identity" max_batch_size: 1
    input [ ${int32("INPUT0")} ] output [ ${int32("OUTPUT0")} ]
    parameters { key: "execute_delay_ms" value { string_value: "${delay}" } } ${rest}`,
  [`${name}/1/.keep`]: "",
});
const sums = {
  "sums/config.pbtxt": `name: "sums" backend: "sequence" max_batch_size: 4
    input [ ${int32("INPUT")} ] output [ ${int32("OUTPUT")} ]
    sequence_batching { max_sequence_idle_microseconds: 60000000 control_input [
      { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
      { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] } ] }`,
  "sums/1/.keep": "",
};

let workers: readonly Worker[] = [];
afterEach(async () => {
  await stopAll(workers);
  workers = [];
});

interface Answer {
  readonly status: number;
  readonly body: {
    readonly error?: string;
    readonly outputs: readonly { readonly data: readonly number[] }[];
    readonly model_stats: readonly {
      readonly inference_count: number;
      readonly execution_count: number;
      readonly inference_stats: Readonly<Record<string, { readonly count: number }>>;
    }[];
  };
}

const infer = (worker: number, model: string, value: number, parameters: object = {}, name = "INPUT0") =>
  workers[worker]!.post(`/v2/models/${model}/infer`, {
    parameters,
    inputs: [{ name, shape: [1, 1], datatype: "INT32", data: [value] }],
  }) as Promise<Answer>;
const statistics = async (model: string) => {
  const answers = await Promise.all(
    workers.map(worker => worker.json(`/v2/models/${model}/stats`) as Promise<{ status: number } & Answer>),
  );
  return answers.map(({ body }) => body.model_stats[0]!);
};

describe("sequences", () => {
  test("30 sequences, each request through another of 3 workers, keep their sums; ids are spread over all workers", async () => {
    workers = await startLinked(repository([], sums), 3);
    const sequences = Array.from({ length: 30 }, (_, i) => (i % 2 ? i + 1 : `user ${i}`));
    await Promise.all(
      sequences.map(async (id, i) => {
        let sum = 0;
        for (let step = 0; step < 6; step++) {
          const value = i * 7 + step;
          sum += value;
          const parameters = { sequence_id: id, sequence_start: step === 0, sequence_end: step === 5 };
          const { status, body } = await infer((i + step) % 3, "sums", value, parameters, "INPUT");
          expect([status, body.outputs?.[0]?.data]).toEqual([200, [sum]]);
        }
      }),
    );
    const counts = (await statistics("sums")).map(({ inference_count }) => inference_count);
    expect(counts.reduce((a, b) => a + b)).toBe(180);
    for (const count of counts) expect(count).toBeGreaterThan(12);
  });

  test("a request that continues no sequence has Triton's text from any worker", async () => {
    workers = await startLinked(repository([], sums), 2);
    const answers = await Promise.all([0, 1].map(worker => infer(worker, "sums", 1, { sequence_id: 77 }, "INPUT")));
    for (const { status, body } of answers) {
      expect(status).toBe(400);
      expect(body.error).toContain("must specify the START flag on the first request of the sequence");
    }
  });
});

describe("limits", () => {
  test("a resource of the rate limiter is there once: executions at both workers never overlap", async () => {
    const group = `instance_group [ { count: 4 kind: KIND_CPU rate_limiter { resources [ { name: "R" count: 1 } ] } } ]`;
    const files = { ...identity("one", group, 50), ...identity("other", group, 50) };
    const resources = [{ name: "R", count: 1 }];
    workers = await startLinked(repository([], files), 2, { rateLimit: true, rateLimitResources: resources as never });
    const began = performance.now();
    const answers = await Promise.all(
      [0, 1, 0, 1, 0, 1, 0, 1].map((worker, i) => infer(worker, i % 3 ? "one" : "other", i)),
    );
    expect(answers.map(({ status }) => status)).toEqual(new Array(8).fill(200));
    // Side by side at two workers they would take half of that.
    expect(performance.now() - began).toBeGreaterThan(8 * 50 - 5);
  });

  test("a queue has its length once: of 6 requests at 3 workers one runs, two wait, the others are refused", async () => {
    const batching = "dynamic_batching { default_queue_policy { max_queue_size: 2 } }";
    workers = await startLinked(repository([], identity("queue", batching, 300)), 3);
    const answers = await Promise.all([0, 1, 2, 0, 1, 2].map((worker, i) => infer(worker, "queue", i)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 503, 503, 503]);
    for (const { body } of answers.filter(({ status }) => status === 503))
      expect(body.error).toContain("Exceeds maximum queue size");
  });

  test("what one worker answered, another one has in its cache; the entries are spread over all", async () => {
    const cached = identity("cached", "response_cache { enable: true }");
    workers = await startLinked(repository([], cached), 2, { cacheSize: 2 ** 20 });
    for (const worker of [0, 1, 0])
      for (let value = 0; value < 20; value++) {
        const { body } = await infer(worker, "cached", value);
        expect(body.outputs[0]!.data).toEqual([value]);
      }
    const all = await statistics("cached");
    const hits = all.map(({ inference_stats }) => inference_stats.cache_hit!.count);
    const misses = all.map(({ inference_stats }) => inference_stats.cache_miss!.count);
    expect([hits, misses].map(([a, b]) => a! + b!)).toEqual([40, 20]);
    for (const count of misses) expect(count).toBeGreaterThan(3);
  });
});

describe("a forwarded request is counted once", () => {
  test("in the statistics of the worker that ran it, and failures too", async () => {
    workers = await startLinked(repository([], identity("echo", "")), 2, {}, { balance: "always" });
    for (let i = 0; i < 10; i++) await infer(0, "echo", i);
    await infer(0, "echo", 1, {}, "WRONG");
    const [front, behind] = await statistics("echo");
    expect([front!.inference_count, behind!.inference_count]).toEqual([0, 10]);
    expect([front, behind].map(one => one!.inference_stats.fail!.count)).toEqual([0, 0]);
    expect(workers[0]!.peers!.counts).toMatchObject({ balanced: 10, homed: 0, received: 0, lost: 0 });
    expect(workers[1]!.peers!.counts).toMatchObject({ balanced: 0, received: 10 });
  });

  test("in one trace, where it arrived, with the moments of its execution in order and its tensors", async () => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-trace-"));
    const file = join(folder, "trace.json");
    const { trace } = serveOptions([
      "--model-repository=x",
      ...["rate=1", "level=TIMESTAMPS", "level=TENSORS", `triton,file=${file}`].map(text => `--trace-config=${text}`),
    ]);
    workers = await startLinked(repository([], identity("echo", "")), 2, { trace: trace! }, { balance: "always" });
    expect((await infer(0, "echo", 5)).status).toBe(200);
    await stopAll(workers);
    workers = [];
    const entries = JSON.parse(readFileSync(file, "utf8")) as readonly {
      readonly id: number;
      readonly model_name?: string;
      readonly timestamps?: readonly { readonly name: string; readonly ns: number }[];
      readonly tensor?: { readonly name: string; readonly data: string };
    }[];
    expect(entries.flatMap(({ model_name: name }) => name ?? [])).toEqual(["echo"]);
    const stamps = entries.flatMap(({ timestamps }) => timestamps ?? []);
    expect(stamps.map(({ name }) => name)).toEqual([
      ...["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END"],
      ...["COMPUTE_OUTPUT_START", "COMPUTE_END", "INFER_RESPONSE_COMPLETE", "REQUEST_END"],
      ...["HTTP_SEND_START", "HTTP_SEND_END"],
    ]);
    const at = (name: string): number => stamps.find(stamp => stamp.name === name)!.ns;
    expect(at("HTTP_RECV_END")).toBeLessThanOrEqual(at("REQUEST_START"));
    expect(at("REQUEST_END")).toBeLessThanOrEqual(at("HTTP_SEND_START"));
    expect(entries.flatMap(({ tensor }) => (tensor ? [`${tensor.name} ${tensor.data}`] : []))).toEqual([
      "INPUT0 5",
      "OUTPUT0 5",
    ]);
  });
});
