/** `preserve_ordering` of sequences, and the other rules for the time of a response. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { type Asked, configOf, requestOf, schedulerOf, turns } from "./support.js";

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
  const scheduler = await schedulerOf(config, model, { stats });
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
    const scheduler = await schedulerOf(config, model, { stats });
    await Promise.all(["a", "b"].map(id => scheduler.schedule(requestOf(id))));
    expect(starts).toEqual([true, false, false]);
    expect(seen).toEqual(["a", "b", "a", "a"]);
    expect(stats.pending).toBe(0);
    await scheduler.drain();
  });
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
});
