/**
 * Every number of a model configuration with the extremes of its type. The model loads or is refused by the field's name, and the server
 * survives. All models are served by one process with a small heap.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import { checkInstances } from "#runtime/server/models/check-limits.js";
import { validateEnsemble } from "#runtime/server/models/validate-ensemble.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createSlots } from "#runtime/server/scheduling/sequence-slots.js";
import { warmUp } from "#runtime/server/scheduling/warm-up.js";
import { complete } from "#triton-protos/complete-message.js";
import { MAX_CONFIG_BYTES } from "#triton-protos/config-limits.js";
import { type Shape, shapeOf } from "#triton-protos/message-shape.js";
import { repository } from "../runtime/server/support.js";
import { type ChildServer, startChildServer } from "./support/child-server.js";

const IO = (dims: string, more = ""): string =>
  `input [ { name: "INPUT0" data_type: TYPE_INT32 dims: ${dims} ${more} } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: ${dims} ${more} } ]`;
const PLAIN = `max_batch_size: 4 ${IO("[ 1 ]")}`;
const dynamic = (text: string): string => `${PLAIN} dynamic_batching { ${text} }`;
const sequence = (text: string): string => `${PLAIN} sequence_batching { ${text} }`;
const state = (dims: string, initial: string): string =>
  sequence(
    `state [ { input_name: "S" output_name: "S" data_type: TYPE_INT32 dims: [ ${dims} ] initial_state { name: "s" data_type: TYPE_INT32 dims: [ ${initial} ] zero_data: true } } ]`,
  );
const control = (list: string): string =>
  sequence(`control_input [ { name: "C" control [ { kind: CONTROL_SEQUENCE_START ${list} } ] } ]`);
const warm = (text: string, dims = "1"): string =>
  `${PLAIN} model_warmup [ { name: "w" ${text} inputs { key: "INPUT0" value { data_type: TYPE_INT32 dims: [ ${dims} ] zero_data: true } } } ]`;
const cuda = (text: string): string => `${PLAIN} optimization { cuda { graph_spec { ${text} } } }`;
const group = (text: string): string => `${PLAIN} instance_group [ { kind: KIND_CPU ${text} } ]`;

/** A configuration around each number, at `$`. */
const AROUND: Readonly<Record<string, string>> = {
  "version_policy.latest.num_versions": `${PLAIN} version_policy { latest { num_versions: $ } }`,
  "version_policy.specific.versions": `${PLAIN} version_policy { specific { versions: [ $ ] } }`,
  max_batch_size: `max_batch_size: $ ${IO("[ 1 ]")} sequence_batching { direct { } }`,
  "input.dims": `max_batch_size: 4 ${IO("[ $ ]", "").replace("dims: [ $ ]  } ] output", "dims: [ $ ] optional: true } ] output")}`,
  "input.reshape.shape": `max_batch_size: 4 ${IO("[ 1 ]", "reshape { shape: [ $ ] }")}`,
  "output.dims": `max_batch_size: 4 ${IO("[ $ ]")}`,
  "output.reshape.shape": `max_batch_size: 4 ${IO("[ 1 ]", "reshape { shape: [ $ ] }")}`,
  "optimization.graph.level": `${PLAIN} optimization { graph { level: $ } }`,
  "optimization.cuda.graph_spec.batch_size": cuda("batch_size: $"),
  "optimization.cuda.graph_spec.input.dim": cuda('input { key: "INPUT0" value { dim: [ $ ] } }'),
  "optimization.cuda.graph_spec.graph_lower_bound.batch_size": cuda("graph_lower_bound { batch_size: $ }"),
  "optimization.cuda.graph_spec.graph_lower_bound.input.dim": cuda(
    'graph_lower_bound { input { key: "INPUT0" value { dim: [ $ ] } } }',
  ),
  "optimization.gather_kernel_buffer_threshold": `${PLAIN} optimization { gather_kernel_buffer_threshold: $ }`,
  "dynamic_batching.preferred_batch_size": dynamic("preferred_batch_size: [ $ ]"),
  "dynamic_batching.max_queue_delay_microseconds": dynamic("max_queue_delay_microseconds: $"),
  "dynamic_batching.priority_levels": dynamic("priority_levels: $ default_priority_level: 1"),
  "dynamic_batching.default_priority_level": dynamic("priority_levels: 18446744073709551615 default_priority_level: $"),
  "dynamic_batching.default_queue_policy.default_timeout_microseconds": dynamic(
    "default_queue_policy { default_timeout_microseconds: $ }",
  ),
  "dynamic_batching.default_queue_policy.max_queue_size": dynamic("default_queue_policy { max_queue_size: $ }"),
  "dynamic_batching.priority_queue_policy.default_timeout_microseconds": dynamic(
    "priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 1 value { default_timeout_microseconds: $ } }",
  ),
  "dynamic_batching.priority_queue_policy.max_queue_size": dynamic(
    "priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 1 value { max_queue_size: $ } }",
  ),
  "sequence_batching.direct.max_queue_delay_microseconds": sequence(
    "direct { max_queue_delay_microseconds: $ minimum_slot_utilization: 1 }",
  ),
  "sequence_batching.direct.minimum_slot_utilization": sequence("direct { minimum_slot_utilization: $ }"),
  "sequence_batching.oldest.max_candidate_sequences": sequence("oldest { max_candidate_sequences: $ }"),
  "sequence_batching.oldest.preferred_batch_size": sequence(
    "oldest { max_candidate_sequences: 4 preferred_batch_size: [ $ ] }",
  ),
  "sequence_batching.oldest.max_queue_delay_microseconds": sequence(
    "oldest { max_candidate_sequences: 4 max_queue_delay_microseconds: $ }",
  ),
  "sequence_batching.max_sequence_idle_microseconds": sequence("max_sequence_idle_microseconds: $"),
  "sequence_batching.control_input.control.int32_false_true": control("int32_false_true: [ 0, $ ]"),
  "sequence_batching.control_input.control.fp32_false_true": control("fp32_false_true: [ 0, $ ]"),
  "sequence_batching.state.dims": state("$", "1"),
  "sequence_batching.state.initial_state.dims": state("-1", "$"),
  "ensemble_scheduling.step.model_version":
    'platform: "ensemble" max_batch_size: 4 input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] ensemble_scheduling { step [ { model_name: "good" model_version: $ input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }',
  "ensemble_scheduling.max_inflight_requests":
    'platform: "ensemble" max_batch_size: 4 input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] ensemble_scheduling { max_inflight_requests: $ step [ { model_name: "good" model_version: -1 input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }',
  "instance_group.count": group("count: $"),
  "instance_group.rate_limiter.resources.count": group(
    'count: 1 rate_limiter { resources [ { name: "R" count: $ } ] }',
  ),
  "instance_group.rate_limiter.priority": group("count: 1 rate_limiter { priority: $ }"),
  "instance_group.gpus": `${PLAIN} instance_group [ { kind: KIND_GPU count: 4096 gpus: [ $ ] } ]`,
  "instance_group.secondary_devices.device_id": group("secondary_devices [ { device_id: $ } ]"),
  "model_warmup.batch_size": warm("batch_size: $"),
  "model_warmup.count": warm("batch_size: 1 count: $"),
  "model_warmup.inputs.dims": warm("batch_size: 1", "$"),
  "model_metrics.metric_control.histogram_options.buckets": `${PLAIN} model_metrics { metric_control [ { metric_identifier { family: "nv_inference_first_response_histogram_ms" } histogram_options { buckets: [ $ ] } } ] }`,
};

const EXTREMES: Readonly<Record<string, readonly string[]>> = {
  int32: ["-2147483648", "-1", "0", "2147483647"],
  uint32: ["0", "4294967295"],
  int64: ["-9223372036854775808", "-1", "0", "1099511627776", "9223372036854775807"],
  uint64: ["0", "18446744073709551615"],
  float: ["-inf", "inf", "nan", "-3.4e38"],
  double: ["-inf", "inf", "nan", "-1.7e308"],
};

/** The numbers of a message by path. */
function numbersOf(shape: Shape, path = ""): [path: string, type: string][] {
  return [...shape.fields.values()].flatMap(field => {
    const own = path ? `${path}.${field.name}` : field.name;
    const message = field.isMap ? field.message!.fields.get("value")!.message : field.message;
    if (message) return numbersOf(message, own);
    return EXTREMES[field.scalar] ? [[own, field.scalar] as [string, string]] : [];
  });
}

const NUMBERS = numbersOf(shapeOf("inference.ModelConfig"));
const CASES = NUMBERS.flatMap(([path, type]) =>
  EXTREMES[type]!.map(value => ({ path, value, model: `${path.replaceAll(".", "_")}_${value.replace(/[-.]/g, "n")}` })),
);
/** The refused values, and the texts. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "model_warmup.batch_size=4294967295": /`model_warmup\[0\]\.batch_size` is 4294967295; the maximum is 65536/,
  "model_warmup.count=4294967295": /`model_warmup\[0\]\.count` is 4294967295; the maximum is 100000/,
  "model_warmup.inputs.dims=9223372036854775807": /`model_warmup\[0\]` has \S+ bytes/,
  "model_warmup.inputs.dims=1099511627776": /`model_warmup\[0\]` has 4398046511104 bytes/,
  "instance_group.count=2147483647": /`instance_group\[0\]\.count` is 2147483647; the maximum is 4096/,
  "sequence_batching.state.initial_state.dims=1099511627776": /`sequence_batching\.state` has 4398046511104 bytes/,
};
/** Loads: what the number would cost is allocated on use. */
const SERVED = [
  "sequence_batching.oldest.max_candidate_sequences=2147483647",
  "dynamic_batching.priority_levels=18446744073709551615",
  "max_batch_size=2147483647",
  "sequence_batching.max_sequence_idle_microseconds=18446744073709551615",
];

const written = (name: string, text: string): string =>
  text.includes('platform: "ensemble"') ? `name: "${name}" ${text}` : `name: "${name}" backend: "identity" ${text}`;

describe("numbers at their extremes", () => {
  let server: ChildServer;
  let index: { name: string; state?: string; reason?: string }[];
  beforeAll(async () => {
    const files: Record<string, string> = { "good/config.pbtxt": written("good", PLAIN), "good/1/.keep": "" };
    for (const { path, value, model } of CASES) {
      files[`${model}/config.pbtxt`] = written(model, AROUND[path]!.replaceAll("$", value));
      files[`${model}/1/.keep`] = "";
    }
    server = await startChildServer(repository([], files), { flags: ["--exit-on-error=false"] });
    index = (await (await server.post("/v2/repository/index", {})).json()) as typeof index;
  }, 120_000);
  afterAll(() => server?.stop());

  const stateOf = (name: string): string => index.find(model => model.name === name)?.state ?? "UNAVAILABLE";

  test("each number of the message has a case", () => {
    expect(NUMBERS.length).toBeGreaterThan(40);
    expect(Object.keys(AROUND).sort()).toEqual(NUMBERS.map(([path]) => path).sort());
  });

  test("what would cost by its number alone is refused with the field, the value and the limit", () => {
    for (const [which, text] of Object.entries(REFUSED)) {
      const { model } = CASES.find(({ path, value }) => `${path}=${value}` === which)!;
      expect(stateOf(model), which).toBe("UNAVAILABLE");
      const lines = server.output().split("\n");
      expect(
        lines.some(line => line.includes(model) && text.test(line)),
        which,
      ).toBe(true);
    }
    for (const which of SERVED) {
      const { model } = CASES.find(({ path, value }) => `${path}=${value}` === which)!;
      expect(stateOf(model), which).toBe("READY");
    }
  });

  test("a request to each model ends, and the server serves the others in little memory", async () => {
    const inputs = [{ name: "INPUT0", shape: [1, 1], datatype: "INT32", data: [7] }];
    const ready = CASES.filter(({ model }) => stateOf(model) === "READY");
    expect(ready.length).toBeGreaterThan(CASES.length / 4);
    const waits = /queue_delay_microseconds/;
    for (const { path, model } of ready) {
      // A batcher that may wait for 2^64 µs does.
      if (waits.test(path)) continue;
      const parameters =
        path.startsWith("sequence") || path === "max_batch_size"
          ? { sequence_id: 7, sequence_start: true, sequence_end: true }
          : { priority: Number.MAX_SAFE_INTEGER };
      const answer = await server.post(`/v2/models/${model}/infer`, { inputs, parameters });
      expect([200, 400, 404, 500, 501, 503], model).toContain(answer.status);
      await answer.text();
    }
    const good = await server.post("/v2/models/good/infer", { inputs });
    expect(await good.json()).toMatchObject({ outputs: [{ data: [7] }] });
    expect(server.hasEnded).toBe(false);
    expect(server.megabytes("VmHWM")).toBeLessThan(600);
  }, 60_000);
});

describe("configurations of load requests", () => {
  let server: ChildServer;
  beforeAll(async () => {
    server = await startChildServer(
      repository([], { "good/config.pbtxt": written("good", PLAIN), "good/1/.keep": "" }),
      { flags: ["--model-control-mode=explicit", "--load-model=good"] },
    );
  }, 90_000);
  afterAll(() => server?.stop());

  const load = async (config: string): Promise<{ status: number; error: string }> => {
    const answer = await server.post("/v2/repository/models/good/load", { parameters: { config } });
    const text = await answer.text();
    return { status: answer.status, error: text ? (JSON.parse(text) as { error: string }).error : "" };
  };

  test("a large one is refused by its length", async () => {
    const before = server.cpuSeconds();
    const { status, error } = await load(`{"unknown":[${"{},".repeat(10_000_000)}{}]}`);
    expect(status).toBe(500);
    expect(server.output() + error).toContain(`the maximum is ${MAX_CONFIG_BYTES}`);
    expect(server.cpuSeconds() - before).toBeLessThan(10);
    expect(server.hasEnded).toBe(false);
  }, 60_000);

  test.each([
    ["depth", `${'{"optimization":'.repeat(50_000)}`],
    ["lists in lists", `{"input":${"[".repeat(500_000)}`],
    ["many unknown fields", `{${Array.from({ length: 100_000 }, (_, i) => `a${i}:1`).join()}}`],
    ["warm-up", JSON.stringify({ backend: "identity", model_warmup: [{ name: "w", batch_size: 4294967295 }] })],
    [
      "too many samples",
      JSON.stringify({ backend: "identity", model_warmup: Array(2000).fill({ name: "w", batch_size: 1 }) }),
    ],
  ])("%s is an error of the request, and the model still serves", async (_, config) => {
    const before = server.cpuSeconds();
    // Triton's status where a model cannot be polled.
    expect((await load(config)).status).toBe(500);
    expect(server.cpuSeconds() - before).toBeLessThan(10);
    const inputs = [{ name: "INPUT0", shape: [1, 1], datatype: "INT32", data: [7] }];
    expect((await server.post("/v2/models/good/infer", { inputs })).status).toBe(200);
  });

  test("a key named __proto__ is an entry like others", async () => {
    const map = '{"__proto__":{"string_value":"x"},"constructor":{"string_value":"y"}}';
    const config = `{"backend":"identity","max_batch_size":4,"input":[{"name":"INPUT0","data_type":"TYPE_INT32","dims":[1]}],"output":[{"name":"OUTPUT0","data_type":"TYPE_INT32","dims":[1]}],"parameters":${map},"metric_tags":{"__proto__":"t"}}`;
    expect(await load(config)).toEqual({ status: 200, error: "" });
    const shown = await (await fetch(`${server.http}/v2/models/good/config`)).text();
    expect(shown).toContain('"__proto__":{"string_value":"x"}');
    for (const backend of ["__proto__", "constructor", "toString"]) {
      const { status } = await load(JSON.stringify({ backend }));
      expect(status).toBe(400);
    }
    expect(server.output()).not.toMatch(/is not a function|Cannot read prop/);
  });
});

test("the check of an ensemble is linear in its steps", () => {
  const steps = 40_000;
  const step = (i: number) => ({
    model_name: "good",
    input_map: { INPUT0: i === 0 ? "INPUT0" : `t${i - 1}` },
    output_map: { OUTPUT0: i === steps - 1 ? "OUTPUT0" : `t${i}` },
  });
  const tensor = { data_type: "TYPE_INT32", dims: [1] } as const;
  const config = complete("inference.ModelConfig", {
    name: "chain",
    platform: "ensemble",
    input: [{ name: "INPUT0", ...tensor }],
    output: [{ name: "OUTPUT0", ...tensor }],
    ensemble_scheduling: { step: Array.from({ length: steps }, (_, i) => step(i)).reverse() },
  });
  const before = process.cpuUsage();
  validateEnsemble(config);
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(8);
});

describe("warm-up", () => {
  const sample = { name: "w", batch_size: 1, count: 100_000, inputs: {} };
  const config = complete("inference.ModelConfig", {
    name: "m",
    backend: "identity",
    instance_group: [{ name: "g", kind: "KIND_CPU", count: 1 }],
    model_warmup: [sample],
  });
  const model: LoadedModel = {
    async execute(requests) {
      const until = performance.now() + 2;
      while (performance.now() < until);
      return requests.map(() => ({ outputs: [] }));
    },
    async close() {},
  };

  test("ends with its time, and the event loop turns meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const stats = createStatistics();
    const warned: string[] = [];
    const log = { verbose() {}, warning: (_: string, text: string) => warned.push(text) } as unknown as ServerLog;
    await warmUp(config, model, stats, "", log, 300);
    clearInterval(timer);
    expect(Number(stats.executionCount)).toBeGreaterThan(0);
    expect(Number(stats.executionCount)).toBeLessThan(1000);
    expect(turns).toBeGreaterThan(2);
    expect(warned.join()).toMatch(/stopped its warmup at iteration \d+ of sample 'w'/);
  });

  test("runs of all samples on all instances together are limited", async () => {
    const two = {
      ...config,
      model_warmup: [
        { ...sample, count: 60_000 },
        { ...sample, count: 60_000 },
      ],
    };
    await expect(warmUp(two, model, createStatistics(), "")).rejects.toThrow(
      "model 'm': `model_warmup` runs 120000 times: the `count` of each sample on each of 1 instances; the maximum is 100000",
    );
  });
});

test("instances of a group count on each of its devices, however often it names them", () => {
  const group = { name: "g", kind: "KIND_GPU", count: 4096, gpus: Array(1000).fill(0) };
  const config = complete("inference.ModelConfig", { name: "m", instance_group: [group] });
  expect(() => checkInstances(config)).toThrow("model 'm' has 4096000 instances in its `instance_group`");
});

test("slots of sequences are made when a sequence needs them, and given lowest first", () => {
  const slots = createSlots(
    2,
    2 ** 31,
    1e6,
    () => {},
    () => {},
  );
  const open = Array.from({ length: 5 }, (_, i) => slots.open(BigInt(i), new Map()));
  expect(open.map(({ slot }) => [slot!.instance, slot!.index])).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
    [0, 2],
  ]);
  slots.release(open[3]!);
  slots.release(open[1]!);
  expect(slots.open(9n, new Map()).slot).toMatchObject({ instance: 1, index: 0 });
  expect(slots.open(10n, new Map()).slot).toMatchObject({ instance: 1, index: 1 });
  slots.close();
});
