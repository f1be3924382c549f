/**
 * A scheduler of a configuration: the state after a failed load, the resources that an unload returns, and no way around the rate limiter.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { createLocalCache } from "#runtime/server/cache/local-cache.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { directScheduler } from "#runtime/server/scheduling/direct.js";
import { createRateLimiter, type RateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, schedulerOf, turns } from "./support.js";

const needing = (name: string, global: boolean, count = 1, more: ModelConfigInit = {}) =>
  configOf({
    name,
    instance_group: [{ count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", global, count }] } }],
    ...more,
  });
const closed = <T extends LoadedModel>(model: T) => ({ ...model, close: vi.fn(async () => {}) });
const logOf = () => {
  const errors: string[] = [];
  return {
    errors,
    log: { error: (source: string, text: string) => errors.push(`${source}: ${text}`) } as unknown as ServerLog,
  };
};
const create = (config: ReturnType<typeof configOf>, model: LoadedModel, limiter?: RateLimiter, log?: ServerLog) =>
  schedulerOf(config, model, { limiter, log });

/** Whether the global resource R is unregistered: a resource of the same name may then belong to devices. */
function isUnknown(limiter: RateLimiter): boolean {
  try {
    limiter.register(needing("probe", false)).close();
    return true;
  } catch {
    return false;
  }
}

describe("a model whose resources are too small for it", () => {
  const tooLarge = needing("m", true, 8);
  test("does not load, is closed, and the log has Triton's line", async () => {
    const model = closed(notedModel());
    const { errors, log } = logOf();
    await expect(create(tooLarge, model, createRateLimiter([{ name: "R", count: 4 }]), log)).rejects.toThrow(
      'Resource count for "R" is limited to 4',
    );
    expect(model.close).toHaveBeenCalledOnce();
    expect(errors).toEqual([
      "rate_limiter: Cannot remove instance from resource manager: Internal: Cannot find the instance to remove",
    ]);
  });
});

describe("a model whose warm-up fails", () => {
  const warm = { model_warmup: [{ name: "w", batch_size: 1, inputs: {} }] };
  test("gives its resources back, and is closed", async () => {
    const limiter = createRateLimiter([]);
    const model = closed({ execute: () => Promise.reject(new Error("cold")) });
    await expect(create(needing("m", true, 1, warm), model, limiter)).rejects.toThrow();
    expect(model.close).toHaveBeenCalledOnce();
    expect(isUnknown(limiter)).toBe(true);
  });
});

test("a model that is unloaded gives its resources back when its last request has ended", async () => {
  const limiter = createRateLimiter([]);
  const model = notedModel(true);
  const scheduler = await create(needing("m", true), model, limiter);
  const running = scheduler.schedule(requestOf("1"));
  const drained = scheduler.drain();
  await turns();
  expect(isUnknown(limiter)).toBe(false);
  model.release();
  await Promise.all([running, drained]);
  expect(isUnknown(limiter)).toBe(true);
});

describe("a model that could answer synchronously", () => {
  const model: LoadedModel = { ...notedModel(), computeSync: () => [] };
  test("does not under a limiter, which would not count the execution", async () => {
    const limiter = createRateLimiter([]);
    expect((await create(needing("m", true), model, limiter)).runSync).toBeUndefined();
    const gate = limiter.register(needing("n", true));
    expect(directScheduler(model, 1, createStatistics(), gate).runSync).toBeUndefined();
  });
  test("does not with a response cache, which would not hold the answer", async () => {
    const config = needing("m", true, 1, { response_cache: { enable: true } });
    const cache = createLocalCache(1e6);
    expect((await schedulerOf(config, model, { cache })).runSync).toBeUndefined();
  });
});

describe("an ensemble", () => {
  const ensemble = configOf({
    name: "e",
    ensemble_scheduling: { step: [] },
    instance_group: [
      { count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", global: true, count: 8 }] } },
    ],
  });
  test("takes no resources: its members do", async () => {
    const limiter = createRateLimiter([{ name: "R", count: 1 }]);
    const model = notedModel(true);
    const scheduler = await create(ensemble, model, limiter);
    const answers = Array.from({ length: 20 }, (_, i) => scheduler.schedule(requestOf(`${i}`)));
    await turns();
    expect(model.batches).toHaveLength(20);
    for (const _ of answers) model.release();
    await Promise.all(answers);
  });
});

describe("a response cache", () => {
  const cached = configOf({ response_cache: { enable: true } });
  const withCache = (
    cache: ReturnType<typeof createLocalCache>,
    model: LoadedModel,
    log?: ServerLog,
    config = cached,
  ) => schedulerOf(config, model, { cache, log });
  test("answers a request again without an execution, of this load of the model alone", async () => {
    const cache = createLocalCache(1e6);
    const [first, second] = [notedModel(), notedModel()];
    const scheduler = await withCache(cache, first);
    expect((await scheduler.schedule(requestOf("1"))).cache?.hit).toBe(false);
    const again = await scheduler.schedule(requestOf("1"));
    expect(again).toMatchObject({ queueNs: 1, times: { input: 0, infer: 0, output: 0 }, cache: { hit: true } });
    expect(again.response!.outputs[0]!.name).toBe("OUT");
    expect(first.batches).toEqual([["1"]]);
    await (await withCache(cache, second)).schedule(requestOf("1"));
    expect(second.batches).toEqual([["1"]]);
  });
  test("does not hold answers that are faults, and the log says which it refuses", async () => {
    const { errors, log } = logOf();
    let answers = 0;
    const failing: LoadedModel = {
      execute: async () => [{ outputs: [], ...(answers++ < 2 && { error: new Error("no luck") as never }) }],
    };
    const scheduler = await withCache(createLocalCache(1e6), failing, log);
    for (let i = 0; i < 4; i++) await scheduler.schedule(requestOf("1")).catch(() => {});
    expect(answers).toBe(3);
    expect(errors).toEqual([]);
    const tiny = await withCache(createLocalCache(10), notedModel(), log);
    await tiny.schedule(requestOf("1", { width: 100 }));
    expect(errors).toHaveLength(1);
    const silent = await withCache(createLocalCache(10), notedModel());
    expect((await silent.schedule(requestOf("1", { width: 100 }))).cache?.hit).toBe(false);
    expect(errors[0]).toMatch(/^dynamic_batch_scheduler: Failed to insert key \[[^\]]+\] into response cache: ./);
  });
});

describe("the two hooks of Triton's own tests", () => {
  afterEach(() => vi.unstubAllEnvs());
  test("TRITONSERVER_DELAY_SCHEDULER holds a batcher until that number of requests waits", async () => {
    vi.stubEnv("TRITONSERVER_DELAY_SCHEDULER", "3");
    const model = notedModel();
    const scheduler = await create(configOf({ max_batch_size: 8, dynamic_batching: {} }), model);
    const answers = ["1", "2"].map(id => scheduler.schedule(requestOf(id)));
    await turns();
    expect(model.batches).toEqual([]);
    answers.push(scheduler.schedule(requestOf("3")));
    await Promise.all(answers);
    expect(model.batches).toEqual([["1", "2", "3"]]);
    // Once it has begun it does not wait again.
    await scheduler.schedule(requestOf("4"));
  });
  test.each([
    ["TRITONSERVER_DELAY_SCHEDULER", 2],
    ["TRITONSERVER_BACKLOG_DELAY_SCHEDULER", 2],
  ])("%s holds back a sequence batcher", async (name, count) => {
    vi.stubEnv(name, String(count));
    const model = notedModel();
    const config = configOf({ max_batch_size: 1, sequence_batching: { direct: {} } });
    const scheduler = await create(config, model);
    const begin = (id: string, sequence: bigint) =>
      scheduler.schedule(requestOf(id, { controls: { correlationId: sequence, start: true, end: true } }));
    const answers = [begin("a", 1n)];
    if (name.includes("BACKLOG")) answers.push(begin("b", 2n));
    await turns();
    expect(model.batches).toEqual([]);
    if (name.includes("BACKLOG")) answers.push(begin("c", 3n));
    else {
      // Requests of sequences in the backlog do not count.
      answers.push(begin("b", 2n));
      await turns();
      expect(model.batches).toEqual([]);
      void scheduler.drain();
    }
    await Promise.all(answers);
    expect(model.batches.flat()).toEqual(answers.map((_, i) => "abc"[i]));
  });
});
