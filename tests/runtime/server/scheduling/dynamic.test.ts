/**
 * The dynamic batcher: the batches, their order, and the waiting requests.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import { watchFaults } from "#runtime/base/in-background.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createScheduler } from "#runtime/server/scheduling/create-scheduler.js";
import { inOrder } from "#runtime/server/scheduling/in-order.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, type NotedModel, notedModel, requestOf, turns } from "./support.js";

const start = (model: NotedModel, init: ModelConfigInit, stats = createStatistics()) =>
  createScheduler(configOf(init), model, stats, "/nowhere");

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

test("a model that shares turns does not run for those who left in the turn, and refuses what is more than its queue holds", async () => {
  const model = { ...notedModel(), sharesTurn: true };
  const policy = { default_queue_policy: { max_queue_size: 2 } };
  const scheduler = await start(model, { max_batch_size: 4, dynamic_batching: policy });
  const ask = (...signals: (AbortSignal | undefined)[]) =>
    signals.map((signal, i) => scheduler.schedule(requestOf(`${i}`, signal ? { signal } : {})));
  const told = (requests: readonly Promise<unknown>[]) =>
    Promise.all(requests.map(request => request.then(() => "answered").catch(error => (error as RuntimeFault).code)));
  const leaving = new AbortController();
  const alone = told(ask(leaving.signal));
  leaving.abort();
  expect(await alone).toEqual(["CANCELLED"]);
  const other = new AbortController();
  const three = told(ask(undefined, other.signal, undefined));
  other.abort();
  expect(await three).toEqual(["answered", "CANCELLED", "answered"]);
  expect(await told(ask(undefined, undefined, undefined))).toEqual(["answered", "answered", "UNAVAILABLE"]);
  expect(model.batches).toEqual([
    ["0", "2"],
    ["0", "1"],
  ]);
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

test("requests of different row shapes do not share a batch, and order is kept", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { max_batch_size: 8, dynamic_batching: {} });
  const all = [2, 2, 3, 2].map((width, i) => scheduler.schedule(requestOf(String(i), { width })));
  for (let i = 0; i < 4; i++) model.release();
  await Promise.all(all);
  expect(model.batches).toEqual([["0"], ["1"], ["2"], ["3"]]);
});

test("levels run by priority; a full level refuses, a client that gives up leaves the queue", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, {
    max_batch_size: 1,
    dynamic_batching: {
      priority_levels: 2,
      default_priority_level: 2,
      default_queue_policy: { max_queue_size: 2 },
    },
  });
  const abort = new AbortController();
  const running = scheduler.schedule(requestOf("0"));
  const low = scheduler.schedule(requestOf("low"));
  const gone = scheduler.schedule(requestOf("gone", { signal: abort.signal }));
  const high = scheduler.schedule(requestOf("high", { controls: { priority: 1n } }));
  await expect(scheduler.schedule(requestOf("full"))).rejects.toThrow("[request id: full] Exceeds maximum queue size");
  abort.abort();
  await expect(gone).rejects.toMatchObject({ code: "CANCELLED" });
  for (let i = 0; i < 3; i++) model.release();
  await Promise.all([running, low, high]);
  expect(model.batches).toEqual([["0"], ["high"], ["low"]]);
});

test("a request that waited too long is refused while the instance is still busy, and leaves its place in the queue", async () => {
  const model = notedModel(true);
  const stats = createStatistics();
  const policy = { timeout_action: "REJECT", default_timeout_microseconds: 5000, max_queue_size: 1 } as const;
  const batching = { preserve_ordering: true, default_queue_policy: policy };
  const scheduler = await start(model, { max_batch_size: 1, dynamic_batching: batching }, stats);
  const running = scheduler.schedule(requestOf("0"));
  // No time of the model's: it runs until it is released below.
  for (const id of ["late", "later"]) {
    await expect(scheduler.schedule(requestOf(id))).rejects.toThrow("Request timeout expired");
    expect(stats.pending).toBe(0);
  }
  model.release();
  await running;
  expect(model.batches).toEqual([["0"]]);
});

test("with preserve_ordering an urgent request is answered when it has run, before those it has overtaken", async () => {
  const model = notedModel(true);
  const batching = { preserve_ordering: true, priority_levels: 2, default_priority_level: 2 };
  const scheduler = await start(model, { max_batch_size: 1, dynamic_batching: batching });
  const answered: string[] = [];
  const ask = (id: string, priority = 2n) =>
    scheduler.schedule(requestOf(id, { controls: { priority } })).then(() => answered.push(id));
  const all = [ask("running"), ask("patient"), ask("urgent", 1n)];
  for (const expected of [["running"], ["running", "urgent"], ["running", "urgent", "patient"]]) {
    model.release();
    await turns();
    expect(answered).toEqual(expected);
  }
  await Promise.all(all);
});

test("a request that waited too long is refused, or runs last", async () => {
  for (const timeout_action of ["REJECT", "DELAY"] as const) {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const model = notedModel(true);
    const scheduler = await start(model, {
      max_batch_size: 1,
      dynamic_batching: {
        default_queue_policy: { timeout_action, default_timeout_microseconds: 200_000, allow_timeout_override: true },
      },
    });
    const running = scheduler.schedule(requestOf("0"));
    const late = scheduler.schedule(requestOf("late", { controls: { timeout: 5_000n } }));
    const refused = late.then(
      () => "",
      (error: Error) => error.message,
    );
    const patient = scheduler.schedule(requestOf("patient"));
    await vi.advanceTimersByTimeAsync(20);
    vi.useRealTimers();
    for (let i = 0; i < 3; i++) model.release();
    await Promise.all([running, patient]);
    expect(await refused).toBe(timeout_action === "REJECT" ? "Request timeout expired" : "");
    expect(model.batches).toEqual(timeout_action === "REJECT" ? [["0"], ["patient"]] : [["0"], ["patient"], ["late"]]);
  }
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

test("with preserve_ordering a later batch that ends first is answered second", async () => {
  const gates: (() => void)[] = [];
  const scheduler = await createScheduler(
    configOf({
      max_batch_size: 1,
      instance_group: [{ count: 2, kind: "KIND_CPU" }],
      dynamic_batching: { preserve_ordering: true },
    }),
    {
      async execute(requests) {
        await new Promise<void>(resolve => gates.push(resolve));
        return requests.map(() => ({ outputs: [] }));
      },
    },
    createStatistics(),
    "/nowhere",
  );
  const ended: string[] = [];
  const both = ["a", "b"].map(id => scheduler.schedule(requestOf(id)).then(() => ended.push(id)));
  await expect.poll(() => gates.length).toBe(2);
  gates[1]!();
  await turns();
  expect(ended).toEqual([]);
  gates[0]!();
  await Promise.all(both);
  expect(ended).toEqual(["a", "b"]);
});

test("an answer in order that fails is reported, and the next one follows", async () => {
  // The watch of the test run would throw in a later turn of the event loop.
  vi.useFakeTimers({ toFake: ["setImmediate"] });
  const faults: string[] = [];
  const endWatch = watchFaults(({ message }, doing) => faults.push(`${doing} failed: ${message}`));
  try {
    const takePlace = inOrder();
    const [first, second] = [takePlace(), takePlace()];
    let answers = 0;
    second(() => answers++);
    first(() => {
      throw new Error("no luck");
    });
    await new Promise<void>(resolve => process.nextTick(resolve));
    expect([answers, faults]).toEqual([1, ["answering in order failed: no luck"]]);
  } finally {
    endWatch();
    vi.useRealTimers();
  }
});

test("every request is answered once, alone or in a batch that fits, whatever arrives", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ rows: fc.integer({ min: 1, max: 4 }), width: fc.integer({ min: 1, max: 2 }) }), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (asked, preferred_batch_size, count, delayed) => {
        const model = notedModel();
        const scheduler = await start(model, {
          max_batch_size: 4,
          instance_group: [{ count, kind: "KIND_CPU" }],
          dynamic_batching: { preferred_batch_size, max_queue_delay_microseconds: delayed ? 1000 : 0 },
        });
        const answers = await Promise.all(
          asked.map((one, i) => scheduler.schedule(requestOf(String(i), one)).then(done => done.response!.outputs[0]!)),
        );
        answers.forEach(({ shape, data }, i) => {
          expect(shape).toEqual([asked[i]!.rows, asked[i]!.width]);
          expect(new Int32Array(data.buffer)[0]).toBe(i);
        });
        expect(model.batches.flat().sort()).toEqual(asked.map((_, i) => String(i)).sort());
        for (const ids of model.batches) {
          const members = ids.map(id => asked[Number(id)]!);
          expect(members.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThanOrEqual(4);
          expect(new Set(members.map(({ width }) => width)).size).toBe(1);
        }
        await scheduler.drain();
      },
    ),
    { numRuns: 60, seed: 5 },
  );
});

test("draining runs waiting requests and refuses new ones", async () => {
  const model = notedModel();
  const scheduler = await start(model, {
    max_batch_size: 8,
    dynamic_batching: { preferred_batch_size: [8], max_queue_delay_microseconds: 60_000_000 },
  });
  const waiting = scheduler.schedule(requestOf("1"));
  await scheduler.drain();
  await waiting;
  await expect(scheduler.schedule(requestOf("2"))).rejects.toThrow("Server is stopping");
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
  test("are not set where nothing can be late", async () => {
    const model = notedModel(true);
    const scheduler = await start(model, { max_batch_size: 1, dynamic_batching: {} });
    const all = ["0", "1"].map(id => scheduler.schedule(requestOf(id)));
    expect(vi.getTimerCount()).toBe(0);
    for (let i = 0; i < 2; i++) {
      await vi.advanceTimersByTimeAsync(1);
      model.release();
    }
    await Promise.all(all);
  });
  test.each([
    ["dynamic", { dynamic_batching: { preferred_batch_size: [8], max_queue_delay_microseconds: 50_000 } }],
    [
      "direct",
      { sequence_batching: { direct: { max_queue_delay_microseconds: 50_000, minimum_slot_utilization: 1 } } },
    ],
  ])("are set once for a delay: %s", async (_, init) => {
    const model = notedModel();
    const scheduler = await start(model, { max_batch_size: 8, ...init });
    const set = vi.spyOn(globalThis, "setTimeout");
    const waiting = scheduler.schedule(requestOf("0", { controls: { correlationId: 3n, start: true } }));
    const before = set.mock.calls.length;
    await vi.advanceTimersByTimeAsync(49);
    expect([model.batches, set.mock.calls.length - before]).toEqual([[], 0]);
    await vi.advanceTimersByTimeAsync(2);
    await waiting;
    set.mockRestore();
    await scheduler.drain();
    expect(vi.getTimerCount()).toBe(0);
  });
});
