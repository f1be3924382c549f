/**
 * The sequence batcher: slots, order, idle time, state; and the required parts of a request.
 */
import { afterEach, expect, test, vi } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, schedulerOf } from "./support.js";

const start = (model: LoadedModel, sequence: ModelConfigInit["sequence_batching"], max_batch_size = 2) =>
  schedulerOf(configOf({ max_batch_size, sequence_batching: sequence! }), model);
const part = (id: string, sequence: bigint, start = false, end = false, signal?: AbortSignal) =>
  requestOf(id, { controls: { correlationId: sequence, start, end }, ...(signal && { signal }) });

afterEach(() => void vi.useRealTimers());

test("direct: a sequence keeps its row, rows without a request are empty", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} });
  const a = scheduler.schedule(part("a1", 1n, true));
  model.release();
  await a;
  const b = scheduler.schedule(part("b1", 2n, true));
  model.release();
  await b;
  // Sequence 2 has the second row; the first stays empty.
  expect(model.batches).toEqual([["a1"], ["", "b1"]]);
});

test("oldest: one request of each sequence at a time, in the order of arrival", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { oldest: { max_candidate_sequences: 4 } }, 4);
  const all = [
    scheduler.schedule(part("a1", 1n, true)),
    scheduler.schedule(part("a2", 1n)),
    scheduler.schedule(part("b1", 2n, true)),
    scheduler.schedule(part("c1", 3n, true)),
    scheduler.schedule(part("a3", 1n, false, true)),
  ];
  for (let i = 0; i < 4; i++) model.release();
  await Promise.all(all);
  expect(model.batches).toEqual([["a1"], ["a2", "b1", "c1"], ["a3"]]);
});

// Expected values are a real Triton's for the same requests (2.51 with its Python back end, both strategies). 2.73's source agrees.
const notStarted = (sequence: number) =>
  `inference request for sequence ${sequence} to model 'm' must specify the START flag on the first request of the sequence`;

test("a silent sequence loses its slot to one that waits, which idles only once it has a slot", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const model = notedModel();
  const scheduler = await start(model, { direct: {}, max_sequence_idle_microseconds: 60_000 }, 1);
  await scheduler.schedule(part("a1", 1n, true));
  const b = [scheduler.schedule(part("b1", 2n, true)), scheduler.schedule(part("b2", 2n))];
  await vi.advanceTimersByTimeAsync(61);
  await Promise.all(b);
  await expect(scheduler.schedule(part("a2", 1n))).rejects.toThrow(notStarted(1));
  await vi.advanceTimersByTimeAsync(80);
  await expect(scheduler.schedule(part("b3", 2n))).rejects.toThrow(notStarted(2));
  expect(model.batches.flat()).toEqual(["a1", "b1", "b2"]);
});

test("idle time counts from the last request's arrival, while that runs too", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {}, max_sequence_idle_microseconds: 30_000 }, 1);
  const a = scheduler.schedule(part("a1", 1n, true));
  await vi.advanceTimersByTimeAsync(60);
  await expect(scheduler.schedule(part("a2", 1n, false, true))).rejects.toThrow(notStarted(1));
  const next = scheduler.schedule(part("a3", 1n, true, true));
  model.release();
  await a;
  model.release();
  await next;
  expect(model.batches).toEqual([["a1"], ["a3"]]);
});

test("a request's time-out ends its sequence while that waits for a slot, and not after", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} }, 1);
  const timed = (id: string, sequence: bigint, start: boolean, timeout: bigint) =>
    scheduler.schedule(requestOf(id, { controls: { correlationId: sequence, start, timeout } }));
  const a = [timed("a1", 1n, true, 20_000n), timed("a2", 1n, false, 20_000n)];
  const b = [timed("b1", 2n, true, 0n), timed("b2", 2n, false, 20_000n), timed("b3", 2n, false, 9_000_000n)];
  const expired = { code: "UNAVAILABLE", message: "timeout of the corresponding sequence has been expired" };
  for (const one of b) await expect(one).rejects.toMatchObject(expired);
  await expect(timed("b4", 2n, false, 0n)).rejects.toThrow(notStarted(2));
  for (const one of a) {
    model.release();
    await one;
  }
});

test("direct: rows of another shape wait for a batch of their own", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} }, 2);
  const wide = (id: string, sequence: bigint, width: number) =>
    scheduler.schedule(requestOf(id, { width, controls: { correlationId: sequence, start: true } }));
  const blocker = scheduler.schedule(part("a0", 1n, true));
  const rest = [wide("a1", 1n, 2), wide("b1", 2n, 3)];
  for (const one of [blocker, ...rest]) {
    model.release();
    await one;
  }
  expect(model.batches).toEqual([["a0"], ["a1", ""], ["", "b1"]]);
});

test("running sequences continue while the model drains; new ones are refused", async () => {
  const model = notedModel();
  const scheduler = await start(model, { direct: {} }, 2);
  await scheduler.schedule(part("a1", 1n, true));
  const drained = scheduler.drain();
  await expect(scheduler.schedule(part("b1", 2n, true))).rejects.toThrow("Server is stopping");
  await expect(scheduler.schedule(part("a0", 1n, true))).rejects.toThrow("Server is stopping");
  await scheduler.schedule(part("a2", 1n, false, true));
  await drained;
});

test("implicit state is passed from each request to the next and starts anew with START", async () => {
  const sums: LoadedModel = {
    async execute(requests) {
      return requests.map(({ inputs }) => {
        const number = (name: string): number => new Int32Array(Uint8Array.from(inputs.get(name)!.data).buffer)[0]!;
        const sum = number("IN") + number("STATE_IN");
        const tensor = (name: string) => ({
          name,
          datatype: "INT32" as const,
          shape: [1, 1],
          data: new Uint8Array(Int32Array.of(sum).buffer),
        });
        return { outputs: [tensor("OUT"), tensor("STATE_OUT")] };
      });
    },
  };
  const scheduler = await start(sums, {
    direct: {},
    state: [{ input_name: "STATE_IN", output_name: "STATE_OUT", data_type: "TYPE_INT32", dims: [1] }],
  });
  const total = async (...args: Parameters<typeof part>): Promise<number> => {
    const { response } = await scheduler.schedule(part(...args));
    return new Int32Array(response!.outputs[0]!.data.buffer)[0]!;
  };
  expect([await total("5", 9n, true), await total("7", 9n), await total("1", 9n, false, true)]).toEqual([5, 12, 13]);
  expect(await total("2", 9n, true)).toBe(2);
  // START in the middle of a sequence begins it anew, too.
  expect(await total("3", 9n, true)).toBe(3);
});

test("a cancelling client ends its sequence at once", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} }, 1);
  const abort = new AbortController();
  const cancelled = { code: "CANCELLED" };
  const all = [
    scheduler.schedule(part("a1", 1n, true)),
    scheduler.schedule(part("a2", 1n)),
    scheduler.schedule(part("a3", 1n, false, false, abort.signal)),
    scheduler.schedule(part("a4", 1n)),
  ].map(one => one.catch(error => error));
  abort.abort();
  expect(await all[2]).toMatchObject(cancelled);
  for (const one of all.slice(0, 2)) {
    model.release();
    await one;
  }
  expect(await all[3]).toMatchObject(cancelled);
  await expect(scheduler.schedule(part("a5", 1n))).rejects.toThrow(notStarted(1));
  expect(model.batches).toEqual([["a1"], ["a2"]]);
});
