import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, type NotedModel, notedModel, requestOf, schedulerOf } from "./support.js";

const start = (model: NotedModel, init: ModelConfigInit, stats = createStatistics()) =>
  schedulerOf(configOf(init), model, { stats });

test("requests that wait for the instance run as one batch, up to the largest size", async () => {
  const model = notedModel(true);
  const stats = createStatistics();
  const scheduler = await start(model, { max_batch_size: 4, dynamic_batching: { preferred_batch_size: [4] } }, stats);
  const first = scheduler.schedule(requestOf("0"));
  const rest = ["1", "2", "3", "4", "5"].map(id => scheduler.schedule(requestOf(id)));
  expect(stats.pending).toBe(5);
  for (let i = 0; i < 3; i++) model.release();
  await Promise.all([first, ...rest]);
  expect(model.batches).toEqual([["0"], ["1", "2", "3", "4"], ["5"]]);
  expect([...stats.batches].map(([rows, { infer }]) => [rows, infer.count])).toEqual([
    [1, 2],
    [4, 1],
  ]);
  expect(stats.pending).toBe(0);
});

test("a model that shares turns runs the requests of one turn of the event loop as one batch, including the first", async () => {
  const model = { ...notedModel(), sharesTurn: true };
  const scheduler = await start(model, { max_batch_size: 4, dynamic_batching: {} });
  const ask = (...ids: string[]) => Promise.all(ids.map(id => scheduler.schedule(requestOf(id))));
  await ask("0", "1", "2");
  await ask("3");
  await ask("4", "5", "6", "7", "8");
  expect(model.batches).toEqual([["0", "1", "2"], ["3"], ["4", "5", "6", "7"], ["8"]]);
  const last = scheduler.schedule(requestOf("9"));
  await scheduler.drain();
  await last;
  expect(model.batches.at(-1)).toEqual(["9"]);
});

test("a preferred size runs at once, any other waits for the delay", async () => {
  const model = notedModel();
  const scheduler = await start(model, {
    max_batch_size: 8,
    dynamic_batching: { preferred_batch_size: [2, 6], max_queue_delay_microseconds: 60_000 },
  });
  const pair = [scheduler.schedule(requestOf("1")), scheduler.schedule(requestOf("2"))];
  await Promise.all(pair);
  expect(model.batches).toEqual([["1", "2"]]);
  const began = performance.now();
  await scheduler.schedule(requestOf("3"));
  expect(performance.now() - began).toBeGreaterThan(50);
  expect(model.batches).toEqual([["1", "2"], ["3"]]);
});

// From qa/L0_model_queue, test_priority_with_policy: the built Triton answers the two after the third one's time-out, not after the queue
// delay.
test("a delayed request lets the others run that now make a preferred batch", async () => {
  const model = notedModel();
  const scheduler = await start(model, {
    max_batch_size: 8,
    dynamic_batching: {
      preferred_batch_size: [4, 8],
      max_queue_delay_microseconds: 600_000,
      default_queue_policy: {
        timeout_action: "DELAY",
        default_timeout_microseconds: 30_000_000,
        allow_timeout_override: true,
      },
    },
  });
  const asked = [
    scheduler.schedule(requestOf("1", { rows: 2 })),
    scheduler.schedule(requestOf("short", { rows: 1, controls: { timeout: 20_000n } })),
    scheduler.schedule(requestOf("2", { rows: 2 })),
  ];
  await Promise.all([asked[0], asked[2]]);
  expect(model.batches).toEqual([["1", "2"]]);
  await asked[1];
  expect(model.batches).toEqual([["1", "2"], ["short"]]);
});

describe("timers of a batcher", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());
  const policy = { timeout_action: "REJECT", default_timeout_microseconds: 5000 } as const;

  test("refuse what waited too long every half second while the instance is busy, and at once when it is not", async () => {
    const model = notedModel(true);
    const scheduler = await start(model, {
      max_batch_size: 1,
      dynamic_batching: { default_queue_policy: policy },
    });
    const running = scheduler.schedule(requestOf("0"));
    const refused: string[] = [];
    const ask = (id: string) => scheduler.schedule(requestOf(id)).catch(() => void refused.push(id));
    const first = ask("1");
    await vi.advanceTimersByTimeAsync(490);
    expect(refused).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(refused).toEqual(["1"]);
    const second = ask("2");
    await vi.advanceTimersByTimeAsync(20);
    expect(refused).toEqual(["1"]);
    model.release();
    await running;
    await vi.advanceTimersByTimeAsync(2);
    expect(refused).toEqual(["1", "2"]);
    await Promise.all([first, second]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
