import { afterEach, describe, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, schedulerOf, turns } from "./support.js";

const start = (model: LoadedModel, sequence: ModelConfigInit["sequence_batching"], max_batch_size = 1) =>
  schedulerOf(configOf({ max_batch_size, sequence_batching: sequence! }), model);
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
    const scheduler = await schedulerOf(configOf({ sequence_batching: sequence! }), model, { stats });
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
});
