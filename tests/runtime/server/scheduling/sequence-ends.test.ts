/** Ends of sequences and requests: answers of decoupled models, clients that give up, and the memory that is free then. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createScheduler } from "#runtime/server/scheduling/create-scheduler.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, turns } from "./support.js";

const start = (model: LoadedModel, sequence: ModelConfigInit["sequence_batching"], max_batch_size = 1) =>
  createScheduler(configOf({ max_batch_size, sequence_batching: sequence! }), model, createStatistics(), "/nowhere");
const part = (id: string, sequence: bigint, start = false, end = false, signal?: Cancellable) =>
  requestOf(id, { controls: { correlationId: sequence, start, end }, ...(signal && { signal }) });

afterEach(() => void vi.useRealTimers());

describe("a decoupled model whose answers are complete after its instance is free", () => {
  const begin = async (sequence: ModelConfigInit["sequence_batching"] = { direct: {} }) => {
    const begun: string[] = [];
    /** The next answer: undefined where there is no other. */
    const ends: ((answer?: object) => void)[] = [];
    const model = {
      execute: () => [],
      async stream([request]: readonly BackendRequest[], answer: (place: number, response?: object) => void) {
        begun.push(request!.id);
        ends.push(response => answer(0, response));
      },
    } as unknown as LoadedModel;
    const stats = createStatistics();
    const scheduler = await createScheduler(configOf({ sequence_batching: sequence! }), model, stats, "/nowhere");
    return { scheduler, begun, ends };
  };
  test.each([false, true])("runs the next request of the sequence then, and not before, END %s", async end => {
    const { scheduler, begun, ends } = await begin();
    const all = [scheduler.schedule(part("a1", 1n, true)), scheduler.schedule(part("a2", 1n, false, end))];
    await turns();
    expect(begun).toEqual(["a1"]);
    ends[0]!();
    await turns();
    expect(begun).toEqual(["a1", "a2"]);
    ends[1]!();
    await Promise.all(all);
  });
  test("runs the next sequence then, also where it drains", async () => {
    const { scheduler, begun, ends } = await begin();
    const all = [scheduler.schedule(part("a", 1n, true, true)), scheduler.schedule(part("b", 2n, true, true))];
    const drained = scheduler.drain();
    await turns();
    expect(begun).toEqual(["a"]);
    ends[0]!();
    await turns();
    expect(begun).toEqual(["a", "b"]);
    ends[1]!();
    await Promise.all([...all, drained]);
  });
  test("runs the next request where it may not run one again", async () => {
    const { scheduler, begun, ends } = await begin();
    const refused = scheduler.schedule(part("a1", 1n, true)).catch(({ code }) => code);
    const next = scheduler.schedule(part("a2", 1n));
    await turns();
    ends[0]!({ outputs: [], again: true });
    await turns();
    expect(begun).toEqual(["a1", "a2"]);
    ends[1]!();
    expect([await refused, (await next).response]).toEqual(["INVALID_ARGUMENT", undefined]);
  });
  test("runs an iterative request again", async () => {
    const { scheduler, begun, ends } = await begin({ direct: {}, iterative_sequence: true });
    const done = scheduler.schedule(part("a", 1n, true));
    await turns();
    ends[0]!({ outputs: [], again: true });
    await turns();
    expect(begun).toEqual(["a", "a"]);
    ends[1]!();
    await done;
  });
});

describe("a sequence", () => {
  test("in the backlog ends at once where each of its requests is given up, and not before", async () => {
    const scheduler = await start(notedModel(), { direct: {} });
    await scheduler.schedule(part("a1", 1n, true));
    const [one, other] = [new Cancellable(), new Cancellable()];
    const given = [part("b1", 2n, true, false, one), part("b2", 2n, false, false, other)].map(request =>
      scheduler.schedule(request).catch(({ code }) => code),
    );
    one.abort();
    expect(scheduler.openSequences!()).toBe(2);
    other.abort();
    expect(scheduler.openSequences!()).toBe(1);
    expect(await Promise.all(given)).toEqual(["CANCELLED", "CANCELLED"]);
  });
  test("one of whose requests is given up while another runs ends after that one, and not before", async () => {
    const model = notedModel(true);
    const scheduler = await start(model, { direct: {} });
    const leaving = new Cancellable();
    const [running, ...left] = [part("a1", 1n, true), part("a2", 1n, false, false, leaving), part("a3", 1n)].map(
      request => scheduler.schedule(request).catch(({ code }) => code),
    );
    leaving.abort();
    expect(scheduler.openSequences!()).toBe(1);
    model.release();
    await running;
    expect([scheduler.openSequences!(), await Promise.all(left)]).toEqual([0, ["CANCELLED", "CANCELLED"]]);
    expect(model.batches).toEqual([["a1"]]);
  });
  test("whose client gives up leaves its slot to the next one, which runs at once if it is late", async () => {
    const oldest = { max_candidate_sequences: 1, preferred_batch_size: [4], max_queue_delay_microseconds: 50_000 };
    const model = notedModel();
    const scheduler = await start(model, { oldest }, 4);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const first = scheduler.schedule(part("a1", 1n, true));
    await vi.advanceTimersByTimeAsync(51);
    await first;
    const next = scheduler.schedule(part("b1", 2n, true));
    await vi.advanceTimersByTimeAsync(51);
    const leaving = new Cancellable();
    const left = scheduler.schedule(part("a2", 1n, false, false, leaving)).catch(({ code }) => code);
    leaving.abort();
    await turns();
    expect(model.batches).toEqual([["a1"], ["b1"]]);
    await Promise.all([left, next]);
  });
  test("that has ended is not kept", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const states: WeakRef<Uint8Array>[] = [];
    const model: LoadedModel = {
      async execute() {
        const data = new Uint8Array(4);
        states.push(new WeakRef(data));
        return [{ outputs: [{ name: "STATE_OUT", datatype: "INT32", shape: [1, 1], data }] }];
      },
    };
    const scheduler = await start(model, {
      direct: {},
      state: [{ input_name: "STATE_IN", output_name: "STATE_OUT", data_type: "TYPE_INT32", dims: [1] }],
    });
    for (const id of [1n, 2n]) {
      await scheduler.schedule(part(`${id}`, id, true, true));
      await turns();
    }
    collect();
    expect(states[0]!.deref()).toBeUndefined();
    await scheduler.drain();
  });
});
