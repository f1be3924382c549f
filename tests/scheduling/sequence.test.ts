/**
 * The sequence batcher: slots, order, idle time, state; and what a request must bring.
 */
import { expect, test } from "vitest";
import type { LoadedModel } from "#runtime/backends/backend.js";
import { createScheduler } from "#runtime/scheduling/create-scheduler.js";
import { createStatistics } from "#runtime/statistics.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, pause, requestOf } from "./support.js";

const start = (model: LoadedModel, sequence: ModelConfigInit["sequence_batching"], max_batch_size = 2) =>
  createScheduler(configOf({ max_batch_size, sequence_batching: sequence! }), model, createStatistics(), "/nowhere");
const part = (id: string, sequence: bigint, start = false, end = false, signal?: AbortSignal) =>
  requestOf(id, { controls: { correlationId: sequence, start, end }, ...(signal && { signal }) });

test("direct: a sequence keeps its row, rows without a request are empty", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} });
  const a = scheduler.schedule(part("a1", 1n, true));
  model.release();
  await a;
  const b = scheduler.schedule(part("b1", 2n, true));
  await pause(2);
  model.release();
  await b;
  // Sequence 2 has the second row; the first stays empty.
  expect(model.batches).toEqual([["a1"], ["", "b1"]]);
});

test("direct: a third sequence waits for a slot, and its requests keep their order", async () => {
  const model = notedModel();
  const scheduler = await start(model, { direct: {} });
  await scheduler.schedule(part("a1", 1n, true));
  await scheduler.schedule(part("b1", 2n, true));
  const c = [scheduler.schedule(part("c1", 3n, true)), scheduler.schedule(part("c2", 3n, false, true))];
  await pause(10);
  expect(model.batches.flat()).not.toContain("c1");
  await scheduler.schedule(part("a2", 1n, false, true));
  await Promise.all(c);
  const order = model.batches.flat().filter(id => id.startsWith("c"));
  expect(order).toEqual(["c1", "c2"]);
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
  for (let i = 0; i < 4; i++) {
    model.release();
    await pause(3);
  }
  await Promise.all(all);
  expect(model.batches).toEqual([["a1"], ["a2", "b1", "c1"], ["a3"]]);
});

test("a silent sequence loses its slot; one that waits for a slot too long is refused", async () => {
  const model = notedModel();
  const scheduler = await start(model, { direct: {}, max_sequence_idle_microseconds: 60_000 }, 1);
  await scheduler.schedule(part("a1", 1n, true));
  await scheduler.schedule(part("b1", 2n, true));
  await expect(scheduler.schedule(part("a2", 1n))).rejects.toThrow(
    "inference request for sequence 1 to model 'm' must specify the START flag on the first request of the sequence",
  );
  const gates: (() => void)[] = [];
  const held = await start(
    {
      execute: requests => new Promise(resolve => gates.push(() => resolve(requests.map(() => ({ outputs: [] }))))),
    },
    { direct: {}, max_sequence_idle_microseconds: 60_000 },
    1,
  );
  const running = held.schedule(part("a1", 1n, true));
  await expect(held.schedule(part("b1", 2n, true))).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "timeout of the corresponding sequence has been expired",
  });
  gates[0]!();
  await running;
});

test("implicit state goes from each request to the next and starts anew with START", async () => {
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
});

test("a client that gives up leaves its sequence alone", async () => {
  const model = notedModel(true);
  const scheduler = await start(model, { direct: {} }, 1);
  const abort = new AbortController();
  const first = scheduler.schedule(part("a1", 1n, true));
  const gone = scheduler.schedule(part("a2", 1n, false, false, abort.signal));
  const last = scheduler.schedule(part("a3", 1n, false, true));
  abort.abort();
  await expect(gone).rejects.toMatchObject({ code: "CANCELLED" });
  model.release();
  await first;
  await pause(2);
  model.release();
  await last;
  expect(model.batches).toEqual([["a1"], ["a3"]]);
});
