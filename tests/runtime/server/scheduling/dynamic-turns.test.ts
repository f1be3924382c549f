/** The dynamic batcher in a turn of the event loop: its batches, its immediates and timers, and the way past its queue. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createScheduler } from "#runtime/server/scheduling/create-scheduler.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, turns } from "./support.js";

type Batching = NonNullable<ModelConfigInit["dynamic_batching"]>;
const start = (model: LoadedModel, dynamic_batching: Batching = {}, count = 1) =>
  createScheduler(
    configOf({ max_batch_size: 8, instance_group: [{ count, kind: "KIND_CPU" }], dynamic_batching }),
    model,
    createStatistics(),
    "/nowhere",
  );

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a model that shares turns", () => {
  test("has one immediate for a turn, and none for an instance that nothing waits for", async () => {
    const scheduler = await start({ ...notedModel(), sharesTurn: true });
    const set = vi.spyOn(globalThis, "setImmediate");
    await Promise.all(["1", "2"].map(id => scheduler.schedule(requestOf(id))));
    // The instance is free after the answers, in the same turn.
    await new Promise<void>(resolve => process.nextTick(resolve));
    expect(set).toHaveBeenCalledTimes(1);
  });
  test("runs waiting requests as one batch with those of the turn in which an instance is free again", async () => {
    const model = { ...notedModel(true), sharesTurn: true };
    const scheduler = await start(model);
    const running = scheduler.schedule(requestOf("1"));
    await turns(1);
    const waiting = scheduler.schedule(requestOf("2"));
    await turns(1);
    model.release();
    await running;
    const arriving = scheduler.schedule(requestOf("3"));
    await turns();
    expect(model.batches).toEqual([["1"], ["2", "3"]]);
    model.release();
    await Promise.all([waiting, arriving]);
  });
  test("refuses at once what is given up before it is sent", async () => {
    const scheduler = await start({ ...notedModel(), sharesTurn: true });
    const signal = new Cancellable();
    signal.abort();
    const set = vi.spyOn(globalThis, "setImmediate");
    await expect(scheduler.schedule(requestOf("1", { signal }))).rejects.toThrow("Request cancelled");
    expect(set).not.toHaveBeenCalled();
  });
  test("begins no execution without requests on an instance that is left", async () => {
    const model = { ...notedModel(), sharesTurn: true };
    const scheduler = await start(model, {}, 2);
    await Promise.all(["1", "2"].map(id => scheduler.schedule(requestOf(id))));
    expect(model.batches).toEqual([["1", "2"]]);
  });
});

test("a request that an instance is free for sets no timer for the time that it may wait", async () => {
  const policy = { timeout_action: "REJECT", default_timeout_microseconds: 60_000_000 } as const;
  const scheduler = await start(notedModel(), { default_queue_policy: policy });
  const set = vi.spyOn(globalThis, "setTimeout");
  await scheduler.schedule(requestOf("1"));
  expect(set).not.toHaveBeenCalled();
});

test("requests that wait for others share one timer", async () => {
  const scheduler = await start(notedModel(), { preferred_batch_size: [8], max_queue_delay_microseconds: 50_000 });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const both = ["1", "2"].map(id => scheduler.schedule(requestOf(id)));
  expect(vi.getTimerCount()).toBe(1);
  await scheduler.drain();
  await Promise.all(both);
});
