/**
 * The metrics as Prometheus' own parser reads them, and the parts of an execution's time.
 */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { python } from "../../../needs/python.js";
import { repository, startServer } from "../support.js";

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly (readonly [name: string, labels: Readonly<Record<string, string>>, value: string])[];
}

const script = new URL("read_metrics.py", import.meta.url).pathname;
const config = `name: "echo" backend: "identity" max_batch_size: 8 response_cache { enable: true }
  input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ]
  metric_tags { key: "team" value: "a \\"quoted\\" \\\\ one" }
  parameters { key: "execute_delay_ms" value { string_value: "20" } }`;

test("every family parses: counters, gauges, summaries, a histogram, the cache's, and a label with quotes", async () => {
  const server = await startServer(repository([], { "echo/config.pbtxt": config, "echo/1/.keep": "" }), {
    cacheSize: 2 ** 20,
    metricsConfig: { summary_latencies: "true", histogram_latencies: "true" },
  });
  try {
    const ask = (value: number) =>
      server.post("/v2/models/echo/infer", {
        inputs: [{ name: "INPUT0", shape: [1, 1], datatype: "INT32", data: [value] }],
      });
    for (const value of [1, 2, 1, 1]) expect((await ask(value)).status).toBe(200);
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    const families = JSON.parse(execFileSync(python(), [script], { input: text, encoding: "utf8" })) as Readonly<
      Record<string, Family>
    >;
    const value = (family: string, labels: Readonly<Record<string, string>> = {}): number => {
      const found = families[family]?.samples.find(
        ([name, own]) =>
          name.replace(/_total$/, "") === family && Object.entries(labels).every(([key, text]) => own[key] === text),
      );
      return Number(found?.[2]);
    };
    expect(families.nv_inference_request_success!.samples[0]![1]).toEqual({
      model: "echo",
      version: "1",
      _team: 'a "quoted" \\ one',
    });
    expect(value("nv_inference_request_success")).toBe(4);
    expect(value("nv_inference_count")).toBe(2);
    expect(value("nv_inference_exec_count")).toBe(2);
    expect(value("nv_cache_num_hits_per_model")).toBe(2);
    expect(value("nv_cache_num_misses_per_model")).toBe(2);
    expect(value("nv_cache_hit_duration_per_model")).toBeGreaterThanOrEqual(0);
    expect(value("nv_cache_miss_duration_per_model")).toBeGreaterThanOrEqual(0);
    expect(families.nv_cache_hit_summary_per_model?.type).toBe("summary");
    expect(families.nv_inference_first_response_histogram_ms?.type).toBe("histogram");
    // The request summary would mix hits and misses: a cached model has none.
    expect(families.nv_inference_request_summary_us?.samples ?? []).toEqual([]);
    expect(families.nv_inference_queue_summary_us?.type).toBe("summary");
    // Two delays of 20 ms; a timer may fire up to a millisecond early.
    expect(value("nv_inference_compute_infer_duration_us")).toBeGreaterThanOrEqual(38_000);
  } finally {
    await server.stop();
  }
});

test("a model's metric_control gives the buckets of the first-response histogram; the first response counts, not the last", async () => {
  const metrics = `model_metrics { metric_control [ {
    metric_identifier { family: "nv_inference_first_response_histogram_ms" } histogram_options { buckets: [ 0.5, 500, 700 ] } } ] }`;
  const tensors = `input [ { name: "X" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "Y" data_type: TYPE_INT32 dims: [1] } ]`;
  const folder = repository([], {
    "twice/config.pbtxt": `backend: "javascript" ${tensors} model_transaction_policy { decoupled: true } ${metrics}`,
    "twice/1/model.mjs": `export async function execute([request]) {
        const answer = { outputs: [{ ...request.inputs.X, name: "Y" }] };
        request.send(answer);
        await new Promise(next => setTimeout(next, 800));
        request.send(answer);
      }`,
    "usual/config.pbtxt": `backend: "identity" ${tensors.replace('"X"', '"INPUT0"').replace('"Y"', '"OUTPUT0"')}`,
    "usual/1/.keep": "",
  });
  const server = await startServer(folder, { metricsConfig: { histogram_latencies: "true" } });
  try {
    await (
      await fetch(`${server.http}/v2/models/twice/generate_stream`, { method: "POST", body: JSON.stringify({ X: 1 }) })
    ).text();
    const inputs = [{ name: "INPUT0", shape: [1], datatype: "INT32", data: [1] }];
    await server.post("/v2/models/usual/infer", { inputs });
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    const lines = (model: string): string[] =>
      text
        .split("\n")
        .filter(line => line.startsWith(FAMILY) && line.includes(`model="${model}"`))
        .map(line => line.slice(FAMILY.length).replace(/\{.*?(?:,(le="[^"]*"))?\}/, (_, le) => (le ? ` ${le}` : "")));
    expect(lines("twice").filter(line => line.startsWith("_bucket"))).toEqual([
      expect.stringMatching(/^_bucket le="0.5" [01]$/),
      '_bucket le="500" 1',
      '_bucket le="700" 1',
      '_bucket le="+Inf" 1',
    ]);
    // Whole milliseconds, as Triton observes them.
    expect(lines("twice")).toContainEqual(expect.stringMatching(/^_sum \d+$/));
    expect(lines("twice")).toContain("_count 1");
    expect(lines("usual").map(line => line.split(" ").slice(0, -1).join(" "))).toEqual([
      ...[
        "_count",
        "_sum",
        '_bucket le="100"',
        '_bucket le="500"',
        '_bucket le="2000"',
        '_bucket le="5000"',
        '_bucket le="+Inf"',
      ],
    ]);
  } finally {
    await server.stop();
  }
});
const FAMILY = "nv_inference_first_response_histogram_ms";

test.each([
  ["GET", "/metrics", 200, "text/plain; charset=utf-8"],
  ["GET", "/metrics/?x", 200, "text/plain; charset=utf-8"],
  ["GET", "/", 200, "text/plain; charset=utf-8", ""],
  ["GET", "/metrics/x", 200, "text/plain; charset=utf-8", ""],
  ["GET", "/v2/health/ready", 200, "text/plain; charset=utf-8", ""],
  ["POST", "/metrics", 405, "text/plain", '{"error":"Method Not Allowed"}'],
  ["PUT", "/x", 405, "text/plain", '{"error":"Method Not Allowed"}'],
])("%s %s on the metrics port, as in Triton", async (method, path, status, type, body?: string) => {
  const server = await startServer(repository(["echo_int32"]));
  try {
    const answer = await fetch(`http://127.0.0.1:${server.ports.metrics}${path}`, { method });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, type]);
    const text = await answer.text();
    if (body === undefined) expect(text).toContain("# HELP nv_inference_request_success");
    else expect(text).toBe(body);
  } finally {
    await server.stop();
  }
});
