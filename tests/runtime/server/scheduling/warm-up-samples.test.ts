/** Warm-up samples, one by one: the tensors that they make, the instances that they run on, what counts, and what is refused. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { warmUp } from "#runtime/server/scheduling/warm-up.js";
import { MAX_MADE_BYTES, MAX_WARM_UP_RUNS } from "#triton-protos/config-limits.js";
import type { ModelWarmup_Input } from "#triton-protos/gen/messages.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf } from "./support.js";

type Execution = { readonly requests: readonly BackendRequest[]; readonly instance: number };
const inputOf = (given: Partial<ModelWarmup_Input>) =>
  ({ data_type: "TYPE_INT32", dims: [2], zero_data: true, ...given }) as ModelWarmup_Input;
const config = (init: ModelConfigInit) =>
  configOf({ max_batch_size: 8, instance_group: [{ name: "m", count: 1, kind: "KIND_CPU" }], ...init });
const sample = (given: Partial<ModelWarmup_Input> = {}, more: object = {}) => ({
  model_warmup: [{ name: "w", batch_size: 1, inputs: { IN: inputOf(given) }, ...more }],
});

async function run(init: ModelConfigInit, { files = {}, model = {}, budgetMs = 1e6 } = {} as Given) {
  const folder = join(mkdtempSync(join(tmpdir(), "warm-")), "m");
  mkdirSync(join(folder, "1"), { recursive: true });
  mkdirSync(join(folder, "warmup"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const executions: Execution[] = [];
  const lines: string[] = [];
  const note = (level: string) => (area: string, text: string) => lines.push(`${level} ${area}: ${text}`);
  const log = { warning: note("W"), verbose: note("V") } as unknown as ServerLog;
  const stats = createStatistics();
  const plain: LoadedModel = {
    async execute(requests, instance) {
      executions.push({ requests, instance });
      return requests.map(() => ({ outputs: [] }));
    },
  };
  const done = warmUp(config(init), { ...plain, ...model }, stats, join(folder, "1"), log, budgetMs);
  const fault = await done.then(
    () => undefined,
    (error: RuntimeFault) => `${error.code} ${error.message.replaceAll(folder, "<model>")}`,
  );
  return { executions, lines, stats, fault };
}
interface Given {
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly model?: Partial<LoadedModel>;
  readonly budgetMs?: number;
}
const inputs = ({ requests: [first] }: Execution): readonly Tensor[] => [...first!.inputs.values()];

describe("the tensors of a sample", () => {
  test("zeros have the configuration's type, and a row for the batch", async () => {
    const { executions } = await run(sample({ dims: [3] }));
    expect(executions).toHaveLength(1);
    expect(inputs(executions[0]!)).toEqual([
      { name: "IN", datatype: "INT32", shape: [1, 3], data: new Uint8Array(12) },
    ]);
    expect(executions[0]!.requests[0]).toMatchObject({ id: "", batch: 1, requestedOutputs: new Set(["OUT"]) });
    expect(executions[0]!.requests[0]!.isWarmUp).toBe(true);
  });
  test("random data is not zeros; random strings are empty, as all strings are", async () => {
    const { executions } = await run(sample({ dims: [64], random_data: true, zero_data: undefined }));
    expect(inputs(executions[0]!)[0]!.data.some(byte => byte !== 0)).toBe(true);
    const text = { input: [{ name: "IN", data_type: "TYPE_STRING" as const, dims: [-1] }] };
    for (const kind of [{ random_data: true, zero_data: undefined }, { zero_data: true }]) {
      const strings = await run({ ...text, ...sample({ data_type: "TYPE_STRING", dims: [3], ...kind }) });
      expect(inputs(strings.executions[0]!)[0]).toMatchObject({ datatype: "BYTES", data: new Uint8Array(12) });
    }
  });
  test("a file's bytes are read up to what the shape needs, and strings whole", async () => {
    const values = Buffer.from(Int32Array.of(7, 8, 9).buffer);
    const { executions } = await run(sample({ input_data_file: "x", zero_data: undefined }), {
      files: { "warmup/x": values },
    });
    expect(inputs(executions[0]!)[0]!.data).toEqual(values.subarray(0, 8));
    const exact = await run(sample({ input_data_file: "x", zero_data: undefined }), {
      files: { "warmup/x": values.subarray(0, 8) },
    });
    expect(exact.fault).toBeUndefined();
    const one = Buffer.from([1, 0, 0, 0, 0x61]);
    const strings = await run(
      {
        ...sample({ data_type: "TYPE_STRING", dims: [1], input_data_file: "x", zero_data: undefined }),
        input: [{ name: "IN", data_type: "TYPE_STRING", dims: [-1] }],
      },
      { files: { "warmup/x": one } },
    );
    expect(inputs(strings.executions[0]!)[0]!.data).toEqual(one);
  });
  test("a sequence model's sample begins a sequence; another's has no controls", async () => {
    const plain = await run(sample());
    expect(plain.executions[0]!.requests[0]!.controls).toMatchObject({ correlationId: 0n, start: false, end: false });
    const sequence = await run({ ...sample(), sequence_batching: { direct: {} } });
    expect(sequence.executions[0]!.requests[0]!.controls).toMatchObject({ correlationId: 1n, start: true, end: false });
  });
});

describe("the runs of a sample", () => {
  test("are as many as its count on each instance, and at least one, with as many requests as its batch", async () => {
    const { executions, lines } = await run({
      ...sample({}, { batch_size: 3, count: 2 }),
      instance_group: [{ name: "m", count: 2, kind: "KIND_CPU" }],
    });
    expect(executions.map(({ requests, instance }) => [requests.length, instance])).toEqual([
      [3, 0],
      [3, 0],
      [3, 1],
      [3, 1],
    ]);
    expect(lines).toEqual(
      ["m_0", "m_0", "m_1", "m_1"].map(
        (name, i) =>
          `V backend_model_instance: model 'm' instance ${name} is running warmup sample 'w' for iteration ${(i % 2) + 1}`,
      ),
    );
    expect(
      (await run(sample({}, { batch_size: 0, count: 0 }))).executions.map(({ requests }) => requests.length),
    ).toEqual([1]);
  });
  test("count as executions and successes, with the bytes of their inputs", async () => {
    const { stats } = await run(sample({}, { batch_size: 3, count: 2 }));
    expect(stats).toMatchObject({ executionCount: 2, inferenceCount: 6, inputBytes: 48 });
    expect([...stats.batches.keys()]).toEqual([3]);
    expect(stats.success.count).toBe(6);
    // Six requests of less than a second.
    expect(stats.success.ns).toBeGreaterThan(0);
    expect(stats.success.ns).toBeLessThan(60e9);
  });
  test("of a decoupled model are its streams", async () => {
    const seen: number[] = [];
    const { fault } = await run(sample(), {
      model: {
        async stream(requests, answer, instance) {
          seen.push(instance);
          for (const [i] of requests.entries()) {
            answer(i, { outputs: [] });
            answer(i, undefined);
          }
        },
      },
    });
    expect([seen, fault]).toEqual([[0], undefined]);
  });
  test("stop when the time is over, with a warning that names what to change", async () => {
    const { executions, lines, fault } = await run(sample({}, { count: 50 }), {
      budgetMs: 20,
      model: { execute: () => new Promise(done => setTimeout(() => done([{ outputs: [] }]), 15)) },
    });
    expect([executions.length, fault]).toEqual([0, undefined]);
    const warnings = lines.filter(line => line.startsWith("W"));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^W backend_model_instance: model 'm' instance m_0 stopped its warmup at iteration \d of sample 'w': 0\.02 s are over, and the model is served without the rest\. Lower 'count' or 'batch_size' in model_warmup$/,
    );
  });
});

describe("a sample is refused", () => {
  const answering = (answer: () => unknown) => ({ model: { execute: async () => [answer()] as never } });
  const failed = (reasons: string): string => `INVALID_ARGUMENT failed to run warmup sample 'w': ${reasons}`;
  const fault = new RuntimeFault("INTERNAL", "no luck");
  test.each<readonly [string, Given, string]>([
    ["whose answer is a fault", answering(() => fault), "no luck; "],
    ["whose answer has an error", answering(() => ({ outputs: [], error: fault })), "no luck; "],
    ["whose model throws", { model: { execute: () => Promise.reject(new Error("boom")) } }, "boom; "],
    [
      "whose stream fails",
      {
        model: {
          async stream(_, answer) {
            answer(0, fault);
            answer(0, { outputs: [], error: fault });
          },
        },
      },
      "no luck; no luck; ",
    ],
  ])("%s", async (_, given, reasons) => {
    const { fault: found, lines, stats } = await run(sample(), given);
    expect(found).toBe(failed(reasons));
    expect(lines.at(-1)).toBe("V backend_model_instance: model 'm' instance m_0 failed to run warmup sample 'w'");
    expect([stats.executionCount, stats.success.count]).toEqual([0, 0]);
  });

  const VARIABLE = "INVALID_ARGUMENT warmup setting expects all variable-size dimensions are specified for input 'IN'";
  const PREFIX = "INVALID_ARGUMENT [request id: <id_unknown>] warmup setting expects";
  const file = { input_data_file: "x", zero_data: undefined };
  test.each<readonly [string, ModelConfigInit, string, Given?]>([
    ["with a variable dimension", sample({ dims: [-1] }), VARIABLE],
    ["of no type", sample({ data_type: "TYPE_INVALID" }), VARIABLE],
    ["without data", sample({ zero_data: undefined }), `${PREFIX} input 'IN' to have input_data_type set`],
    [
      "whose file is not there",
      sample(file),
      "INTERNAL failed to open text file for read <model>/warmup/x: No such file or directory",
    ],
    [
      "whose file lies outside the model",
      sample({ ...file, input_data_file: "../../x" }),
      "INTERNAL failed to open text file for read <model>/warmup/../../x: No such file or directory",
      { files: { "../x": "12345678" } },
    ],
    [
      "whose file is a directory",
      sample({ ...file, input_data_file: "." }),
      "INVALID_ARGUMENT <model>/warmup is a directory; expected a regular file",
    ],
    [
      "whose file is too short",
      sample(file),
      `${PREFIX} 8 bytes, but the data provided from xonly has 7 bytes`,
      { files: { "warmup/x": "1234567" } },
    ],
    [
      "whose bytes are too many",
      sample({ dims: [MAX_MADE_BYTES / 4] }, { batch_size: 2 }),
      `INVALID_ARGUMENT model 'm': \`model_warmup[0]\` has ${2 * MAX_MADE_BYTES} bytes: its \`dims\` and data types times its \`batch_size\`; the maximum is ${MAX_MADE_BYTES}`,
    ],
    [
      "whose strings are too many",
      {
        ...sample({ data_type: "TYPE_STRING", dims: [MAX_MADE_BYTES / 4 + 1] }),
        input: [{ name: "IN", data_type: "TYPE_STRING", dims: [-1] }],
      },
      `INVALID_ARGUMENT model 'm': \`model_warmup[0]\` has ${MAX_MADE_BYTES + 4} bytes: its \`dims\` and data types times its \`batch_size\`; the maximum is ${MAX_MADE_BYTES}`,
    ],
    [
      "whose runs are too many",
      { ...sample({}, { count: MAX_WARM_UP_RUNS / 2 + 1 }), instance_group: [{ count: 2, kind: "KIND_CPU" }] },
      `INVALID_ARGUMENT model 'm': \`model_warmup\` runs ${MAX_WARM_UP_RUNS + 2} times: the \`count\` of each sample on each of 2 instances; the maximum is ${MAX_WARM_UP_RUNS}`,
    ],
    [
      "of the wrong shape",
      { ...sample({ dims: [2, 2] }), max_batch_size: 0 },
      "INVALID_ARGUMENT [request id: <id_unknown>] unexpected shape for input 'IN' for model 'm'. Expected [-1], got [2,2]. ",
    ],
  ])("%s", async (_, init, expected, given) => {
    const { fault: found, executions } = await run(init as ModelConfigInit, given as Given | undefined);
    expect(found).toBe(expected);
    expect(executions).toEqual([]);
  });
});
