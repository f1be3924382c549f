/** `preserve_ordering` of sequences, and the other rules for the time of a response. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createScheduler } from "#runtime/server/scheduling/create-scheduler.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { type Asked, configOf, requestOf, turns } from "./support.js";

const fault = new RuntimeFault("INTERNAL", "no luck");

/** Executions end on command, by the id of their request. */
function handModel() {
  const running = new Map<string, { answer(outputs?: object): void; fail(): void }>();
  const model: LoadedModel = {
    execute: requests =>
      new Promise((resolve, reject) => {
        for (const { id } of requests)
          running.set(id, {
            answer: (more = {}) => resolve(requests.map(() => ({ outputs: [], ...more }))),
            fail: () => reject(fault),
          });
      }),
  };
  return { model, running };
}

const schedulers: { drain(): Promise<void> }[] = [];
afterEach(async () => {
  vi.useRealTimers();
  // One whose requests a failed test has left waiting does not end.
  for (const scheduler of schedulers.splice(0)) await Promise.race([scheduler.drain(), turns()]);
});

async function start(sequence: ModelConfigInit["sequence_batching"], instances = 2, max_batch_size = 1) {
  const { model, running } = handModel();
  const stats = createStatistics();
  const config = configOf({
    max_batch_size,
    instance_group: [{ count: instances, kind: "KIND_CPU" }],
    sequence_batching: sequence!,
  });
  const scheduler = await createScheduler(config, model, stats, "/nowhere");
  schedulers.push(scheduler);
  const answered: string[] = [];
  const note = (id: string, done: Promise<unknown>) =>
    done.then(
      () => answered.push(id),
      ({ message }) => answered.push(`${id}: ${message}`),
    );
  const send = (id: string, sequence: bigint | string, controls: object = {}, asked: Asked = {}) =>
    note(id, scheduler.schedule(requestOf(id, { ...asked, controls: { correlationId: sequence, ...controls } })));
  return { scheduler, running, answered, send, note, stats };
}
const WHOLE = { start: true, end: true };
const oldest = (preserve_ordering: boolean) => ({ oldest: { max_candidate_sequences: 1, preserve_ordering } });

describe("requests of two sequences on two instances", () => {
  const both = async (sequence: ModelConfigInit["sequence_batching"]) => {
    const world = await start(sequence);
    const all = [world.send("a", 1n, WHOLE), world.send("b", 2n, WHOLE)];
    await turns();
    world.running.get("b")!.answer();
    await turns();
    const early = [...world.answered];
    world.running.get("a")!.answer();
    await Promise.all(all);
    return { early, answered: world.answered };
  };
  test("are answered as they ran, with `preserve_ordering`", async () => {
    expect(await both(oldest(true))).toEqual({ early: [], answered: ["a", "b"] });
  });
  test("are answered as they end, without", async () => {
    expect(await both(oldest(false))).toEqual({ early: ["b"], answered: ["b", "a"] });
    expect(await both({ direct: {} })).toEqual({ early: ["b"], answered: ["b", "a"] });
  });
});

test("with `preserve_ordering` a fault waits for its place too, and leaves it", async () => {
  const { send, running, answered } = await start(oldest(true), 3);
  const all = [send("a", 1n, WHOLE), send("b", 2n, WHOLE), send("c", 3n, WHOLE)];
  await turns();
  running.get("b")!.fail();
  running.get("c")!.answer();
  await turns();
  expect(answered).toEqual([]);
  running.get("a")!.fail();
  await Promise.all(all);
  expect(answered).toEqual(["a: no luck", "b: no luck", "c"]);
});

test("with `preserve_ordering` an iterative request that runs again blocks no other", async () => {
  const { send, running, answered } = await start({ ...oldest(true), iterative_sequence: true });
  const all = [send("a", 1n, { start: true }), send("b", 2n, { start: true })];
  await turns();
  running.get("b")!.answer();
  await turns();
  expect(answered).toEqual([]);
  running.get("a")!.answer({ again: true });
  await turns();
  expect(answered).toEqual(["b"]);
  running.get("a")!.answer();
  await Promise.all(all);
  expect(answered).toEqual(["b", "a"]);
});

describe("an iterative sequence", () => {
  test("without an id gets one of its own, and begins", async () => {
    const { send, running, answered, scheduler } = await start({ direct: {}, iterative_sequence: true });
    const all = [send("a", 0n), send("b", "")];
    await turns();
    expect([...running.keys()]).toEqual(["a", "b"]);
    expect(scheduler.openSequences!()).toBe(2);
    running.get("a")!.answer();
    running.get("b")!.answer();
    await Promise.all(all);
    expect(answered).toEqual(["a", "b"]);
    expect(scheduler.openSequences!()).toBe(0);
  });
  test("that ends while it runs does not run again", async () => {
    const { send, running, answered } = await start({
      ...{ direct: {}, iterative_sequence: true, max_sequence_idle_microseconds: 10_000 },
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const done = send("a", 7n, { start: true });
    await vi.advanceTimersByTimeAsync(30);
    running.get("a")!.answer({ again: true });
    await done;
    expect(answered).toEqual([
      "a: inference request for sequence 7 to model 'm' must specify the START flag on the first request of the sequence",
    ]);
  });
  test("that ends while it runs frees its slot", async () => {
    const idle = { direct: {}, iterative_sequence: true, max_sequence_idle_microseconds: 10_000 };
    const { send, running, answered } = await start(idle, 1);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const all = [send("a", 7n, { start: true })];
    await vi.advanceTimersByTimeAsync(30);
    all.push(send("b", 8n, { start: true }));
    running.get("a")!.answer({ again: true });
    await vi.advanceTimersByTimeAsync(0);
    expect([...running.keys()]).toEqual(["a", "b"]);
    running.get("b")!.answer();
    await Promise.all(all);
    expect(answered.at(-1)).toBe("b");
  });
  test("is idle from its last execution on", async () => {
    const idle = { direct: {}, iterative_sequence: true, max_sequence_idle_microseconds: 10_000 };
    const { send, running, answered } = await start(idle, 1);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const done = send("a", 7n, { start: true });
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(6);
      running.get("a")!.answer({ again: true });
    }
    await vi.advanceTimersByTimeAsync(0);
    running.get("a")!.answer();
    await done;
    expect(answered).toEqual(["a"]);
  });
  test("whose client gives up while it runs does not run again, and ends", async () => {
    const { send, running, answered, scheduler, stats } = await start({ direct: {}, iterative_sequence: true }, 1);
    const leaving = new AbortController();
    const done = send("a", 7n, { start: true }, { signal: leaving.signal });
    leaving.abort();
    const { answer } = running.get("a")!;
    running.clear();
    answer({ again: true });
    await turns();
    expect([[...running.keys()], answered]).toEqual([[], ["a: Request cancelled"]]);
    expect([stats.pending, scheduler.openSequences!()]).toEqual([0, 0]);
    await done;
  });
  test("runs again without START, in turn with others of its instance", async () => {
    const starts: boolean[] = [];
    const seen: string[] = [];
    let runs = 0;
    const model: LoadedModel = {
      async execute([request]: readonly BackendRequest[]) {
        seen.push(request!.id);
        if (request!.id === "a") starts.push(request!.controls.start);
        return [{ outputs: [], ...(request!.id === "a" && ++runs < 3 && { again: true as const }) }];
      },
    };
    const config = configOf({
      max_batch_size: 1,
      sequence_batching: { oldest: { max_candidate_sequences: 2 }, iterative_sequence: true },
    });
    const stats = createStatistics();
    const scheduler = await createScheduler(config, model, stats, "/nowhere");
    await Promise.all(["a", "b"].map(id => scheduler.schedule(requestOf(id))));
    expect(starts).toEqual([true, false, false]);
    expect(seen).toEqual(["a", "b", "a", "a"]);
    expect(stats.pending).toBe(0);
    await scheduler.drain();
  });
});

describe("a sequence", () => {
  test("that is given up before it is sent is refused, and is not open", async () => {
    const { send, answered, scheduler } = await start({ direct: {} });
    const gone = new AbortController();
    gone.abort();
    await send("a", 1n, { start: true }, { signal: gone.signal });
    expect([answered, scheduler.openSequences!()]).toEqual([["a: Request cancelled"], 0]);
  });
  test("whose requests wait is counted as pending, until they run or are given up", async () => {
    const { send, running, stats } = await start({ direct: {} }, 1);
    const gone = new AbortController();
    const all = [send("a", 1n, { start: true }), send("b", 1n), send("c", 1n, {}, { signal: gone.signal })];
    expect(stats.pending).toBe(2);
    gone.abort();
    expect(stats.pending).toBe(1);
    running.get("a")!.answer();
    await turns();
    expect(stats.pending).toBe(0);
    running.get("b")!.answer();
    await Promise.all(all);
  });
  test("frees its slot when its last request has run, and not before", async () => {
    const { send, running, answered } = await start({ direct: {} }, 1);
    const all = [send("a", 1n, { start: true }), send("b", 1n, { end: true }), send("c", 2n, WHOLE)];
    for (const id of ["a", "b"]) {
      await turns();
      expect(running.has("c")).toBe(false);
      running.get(id)!.answer();
    }
    await turns();
    running.get("c")!.answer();
    await Promise.all(all);
    expect(answered).toEqual(["a", "b", "c"]);
  });
  test("that has ended may begin anew with the same id while its last request runs", async () => {
    const { send, running, answered, scheduler } = await start({ direct: {} }, 2);
    const all = [send("a", 1n, WHOLE), send("b", 1n, WHOLE)];
    await turns();
    expect([...running.keys()]).toEqual(["a", "b"]);
    expect(scheduler.openSequences!()).toBe(0);
    running.get("b")!.answer();
    running.get("a")!.answer();
    await Promise.all(all);
    expect(answered).toEqual(["b", "a"]);
  });
});

test("`oldest` takes the next request of a sequence after the earlier ones", async () => {
  const { send, running, answered } = await start({ oldest: { max_candidate_sequences: 4 } }, 1);
  const all: Promise<unknown>[] = [];
  for (const [id, sequence] of [
    ["a1", 1n],
    ["a2", 1n],
    ["b1", 2n],
    ["a3", 1n],
  ] as const) {
    all.push(send(id, sequence, { start: id.endsWith("1") }));
    await turns();
  }
  for (const id of ["a1", "a2", "b1", "a3"]) {
    running.get(id)!.answer();
    await turns();
  }
  await Promise.all(all);
  expect(answered).toEqual(["a1", "a2", "b1", "a3"]);
});

describe("the wait of a batch", () => {
  test("`direct` waits for its delay, or until enough slots have a request", async () => {
    const { send, running } = await start(
      { direct: { max_queue_delay_microseconds: 40_000, minimum_slot_utilization: 0.5 } },
      1,
      4,
    );
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const alone = send("a", 1n, { start: true });
    await vi.advanceTimersByTimeAsync(39);
    expect(running.size).toBe(0);
    await vi.advanceTimersByTimeAsync(2);
    vi.useRealTimers();
    running.get("a")!.answer();
    await alone;
    running.clear();
    const both = [send("b", 1n), send("c", 2n, { start: true })];
    await turns();
    expect([...running.keys()]).toEqual(["b", "c"]);
    running.get("b")!.answer();
    await Promise.all(both);
  });
  test("ends when the model drains", async () => {
    const { send, running, scheduler } = await start(
      { direct: { max_queue_delay_microseconds: 60_000_000, minimum_slot_utilization: 1 } },
      1,
      4,
    );
    const alone = send("a", 1n, { start: true });
    const drained = scheduler.drain();
    await turns();
    running.get("a")!.answer();
    await Promise.all([alone, drained]);
  });
  test("`oldest` waits as the dynamic batcher does, and ends when the model drains", async () => {
    const { send, running, scheduler } = await start(
      { oldest: { max_candidate_sequences: 4, preferred_batch_size: [2], max_queue_delay_microseconds: 60_000_000 } },
      1,
      4,
    );
    const all = [send("a", 1n, { start: true }), send("b", 2n, { start: true })];
    await turns();
    expect([...running.keys()]).toEqual(["a", "b"]);
    running.get("a")!.answer();
    await Promise.all(all);
    running.clear();
    const last = send("c", 1n);
    await turns();
    expect(running.size).toBe(0);
    const drained = scheduler.drain();
    await turns();
    running.get("c")!.answer();
    await Promise.all([last, drained]);
  });
  test("without a delay is none, however few slots have a request", async () => {
    const { send, running } = await start({ direct: { minimum_slot_utilization: 1 } }, 1, 4);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const alone = send("a", 1n, WHOLE);
    expect(running.has("a")).toBe(true);
    running.get("a")!.answer();
    await alone;
  });
  test("has one timer for all requests, and none where nothing waits", async () => {
    const delayed = { max_candidate_sequences: 4, preferred_batch_size: [4], max_queue_delay_microseconds: 40_000 };
    const { send, running } = await start({ oldest: delayed }, 1, 4);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const all = [send("a", 1n, WHOLE), send("b", 2n, WHOLE)];
    // Each sequence has one for its idle time.
    expect(vi.getTimerCount()).toBe(3);
    await vi.advanceTimersByTimeAsync(41);
    running.get("a")!.answer();
    await Promise.all(all);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });
  test("`oldest` takes the requests by their arrival", async () => {
    const batches: string[][] = [];
    const ends: (() => void)[] = [];
    const model: LoadedModel = {
      async execute(requests) {
        batches.push(requests.map(({ id }) => id));
        await new Promise<void>(end => ends.push(end));
        return requests.map(() => ({ outputs: [] }));
      },
    };
    const config = configOf({ max_batch_size: 2, sequence_batching: { oldest: { max_candidate_sequences: 4 } } });
    const scheduler = await createScheduler(config, model, createStatistics(), "/nowhere");
    const send = (id: string, sequence: bigint, more: object = {}) =>
      scheduler.schedule(requestOf(id, { controls: { correlationId: sequence, ...more } }));
    const all = [send("a1", 1n, { start: true })];
    for (const [id, sequence] of [
      ["b1", 2n],
      ["c1", 3n],
    ] as const) {
      await turns();
      all.push(send(id, sequence, { start: true }));
    }
    await turns();
    all.push(send("a2", 1n));
    for (let i = 0; i < 3; i++) {
      ends.shift()?.();
      await turns();
    }
    await Promise.all(all);
    expect(batches).toEqual([["a1"], ["b1", "c1"], ["a2"]]);
    await scheduler.drain();
  });
});
