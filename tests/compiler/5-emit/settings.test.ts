/** A program's serving options → config.pbtxt, or a sentence about the fault. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { settingsProblems } from "#compiler/5-emit/settings/read-settings.js";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { serve } from "#runtime/server/index.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { tensor } from "../../runtime/server/served-plan.js";
import { askBinary } from "../ask-binary.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-settings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function compileWith(
  options: string,
  columns = 'user_id: "int64", price: "float32"',
  answer = '["price"] >> logOp() >> rename({ name: "log" })',
) {
  const file = join(folder, `p${files++}.ensemble.ts`);
  const text = `import { ensemble, listSlice, logOp, rename, source } from "merlon";
const request = source({ ${columns} });
export default ensemble("served", request${answer}, ${options});
`;
  writeFileSync(file, text);
  return compile(file);
}

async function built(options: string, name: string, more: Parameters<typeof build>[2] = {}, columns?: string) {
  const compiled = await compileWith(options, columns);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  const out = join(folder, name);
  const { notes } = build(compiled, out, more);
  const config = (model: string) => parseModelConfig(readFileSync(join(out, model, "config.pbtxt"), "utf8"), model);
  return { out, config, notes };
}

const EVERYTHING = `{
  maxBatchSize: 16,
  version: 3,
  dynamicBatching: {
    preferredBatchSize: [4, 8], maxQueueDelayMicroseconds: 100, priorityLevels: 2, defaultPriorityLevel: 2,
    queuePolicy: { timeoutAction: "delay", timeoutMicroseconds: 5000, allowTimeoutOverride: true, maxQueueSize: 64 },
  },
  instanceGroups: [{ count: 2, kind: "cpu" }],
  warmup: [{ name: "first", batchSize: 4, count: 2, inputs: { user_id: 7n, price: 1.5 } }, { inputs: {} }],
  responseCache: true,
}`;

describe("an executor", () => {
  test("has all of it in its configuration, and serves", async () => {
    const { out, config } = await built(EVERYTHING, "all");
    expect(readdirSync(join(out, "served")).sort()).toEqual(["3", "config.pbtxt", "manifest.json", "warmup"]);
    const { max_batch_size, dynamic_batching, instance_group, model_warmup, response_cache } = config("served");
    expect(max_batch_size).toBe(16);
    expect(dynamic_batching).toMatchObject({
      preferred_batch_size: [4, 8],
      max_queue_delay_microseconds: 100,
      priority_levels: 2,
      default_priority_level: 2,
      default_queue_policy: {
        timeout_action: "DELAY",
        default_timeout_microseconds: 5000,
        allow_timeout_override: true,
        max_queue_size: 64,
      },
    });
    expect(instance_group).toMatchObject([{ count: 2, kind: "KIND_CPU" }]);
    expect(response_cache).toEqual({ enable: true });
    expect(model_warmup.map(({ name, batch_size, count }) => [name, batch_size, count])).toEqual([
      ["first", 4, 2],
      ["sample 2", 1, 1],
    ]);
    expect(model_warmup[0]!.inputs.user_id).toMatchObject({ dims: [1], input_data_file: "first.user_id" });
    expect(readFileSync(join(out, "served", "warmup", "first.user_id")).readBigInt64LE()).toBe(7n);

    const local = { address: "127.0.0.1", port: 0 };
    const server = await serve({
      modelRepositories: [out],
      http: local,
      grpc: false,
      metrics: false,
      writeLog: () => {},
    });
    try {
      const stats = (await (await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/served/stats`)).json()) as {
        model_stats: { version: string; inference_count: number }[];
      };
      // Two instances, each warmed up with twice four rows and with one.
      expect(stats.model_stats).toMatchObject([{ version: "3", inference_count: 18 }]);
      const inputs = [tensor("user_id", "int64", [1, 1], [1n]), tensor("price", "float32", [1, 1], [0])];
      expect(await askBinary(server.ports.http!, "served", inputs)).toEqual({ log: ["FP32", [1, 1], "00000000"] });
    } finally {
      await server.stop();
    }
  });
});

describe("what is wrong is said in a sentence", () => {
  test.each<[unknown, string]>([
    [{ maxBatchSize: -1 }, "`maxBatchSize` must be at least 0, not -1"],
    [{ maxBatchSize: 2.5 }, "`maxBatchSize` must be a whole number, not 2.5"],
    [{ maxBatchSize: "many" }, '`maxBatchSize` must be a number, not "many"'],
    [{ version: 0 }, "`version` must be at least 1, not 0"],
    [{ version: 2 ** 31 }, "`version` must be at most 2147483647, not 2147483648"],
    [{ names: "triton" }, '`names` must be "merlon" or "merlin", not "triton"'],
    [{ maxBatchSize: 0, dynamicBatching: {} }, "`dynamicBatching` needs a batch dimension, and `maxBatchSize` is 0"],
    [
      { names: "merlin", dynamicBatching: {} },
      '`dynamicBatching` needs a batch dimension, and the entry has none with `names: "merlin"`',
    ],
    [
      { maxBatchSize: 4, dynamicBatching: { preferredBatchSize: [2, 8] } },
      "`dynamicBatching.preferredBatchSize` names 8, and `maxBatchSize` is 4",
    ],
    [{ dynamicBatching: { maxQueueDelay: 3 } }, "there is no option `dynamicBatching.maxQueueDelay`"],
    [
      { dynamicBatching: { priorityLevels: 2 } },
      "`dynamicBatching.priorityLevels` needs `defaultPriorityLevel`, the level of requests that name none",
    ],
    [
      { dynamicBatching: { preserveOrdering: true, priorityLevels: 2, defaultPriorityLevel: 1 } },
      "`dynamicBatching.preserveOrdering` takes one priority level, and `priorityLevels` is 2",
    ],
    [
      { dynamicBatching: { priorityLevels: 2, defaultPriorityLevel: 3 } },
      "`dynamicBatching.defaultPriorityLevel` is 3, and `priorityLevels` is 2: give a level from 1 to that",
    ],
    [{ instanceGroups: [] }, "`instanceGroups` must be a list with something in it, not []"],
    [{ onnxThreads: 0 }, "`onnxThreads` must be at least 1, not 0"],
    [{ instanceGroups: [{ count: 0 }] }, "`instanceGroups[0].count` must be at least 1, not 0"],
    [
      { onnxInstanceGroups: [{ gpus: [0] }] },
      'an instance group names `gpus` and has the kind "auto": give it `kind: "gpu"`',
    ],
    [
      { warmup: [{ batchSize: 200, inputs: {} }] },
      '`warmup`: "sample 1" has `batchSize: 200`, and `maxBatchSize` is 128',
    ],
    [
      {
        warmup: [
          { name: "a", inputs: {} },
          { name: "a", inputs: {} },
        ],
      },
      '`warmup` has two samples with the name "a"',
    ],
    [{ warmup: [{}] }, "`warmup[0].inputs` must be a record, not left out"],
    [
      { warmup: [{ inputs: { a: null } }] },
      "`warmup[0].inputs.a` must be a number, a text, a boolean or a list of these, not null",
    ],
    [{ removeInputs: 5 }, "`removeInputs` must be a list, not 5"],
  ])("%j", (options, sentence) => expect(settingsProblems(options)).toEqual([sentence]));

  test.each([
    ["{ maxBatchSize: -1 }", "`ensemble`: `maxBatchSize` must be at least 0, not -1."],
    ["{ dynamicBatching: {} }", "`dynamicBatching` needs a batch dimension, which `list<int64> ids` takes away"],
    ["{ warmup: (() => 1) as unknown as [] }", "the option `warmup` of `ensemble(...)` is the function"],
  ])("at the program's name: %s", async (options, sentence) => {
    const compiled = await compileWith(options, 'ids: "list<int64>", price: "float32"');
    expect(compiled.ok).toBe(false);
    expect(compiled.diagnostics.map(d => d.message).join("\n")).toContain(sentence);
  });
});
