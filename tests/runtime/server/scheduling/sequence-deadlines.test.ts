/** Time-outs of requests whose sequence waits for a slot: the first that is over ends the sequence, and leaves nothing behind. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BackendRequest } from "#runtime/server/contract.js";
import { configOf, notedModel, requestOf, schedulerOf } from "./support.js";

/** @param timeout in milliseconds */
const part = (id: string, correlationId: bigint, start: boolean, timeout = 0, end = false) =>
  requestOf(id, { controls: { correlationId, start, end, timeout: BigInt(timeout) * 1000n } });

/** A scheduler whose only slot sequence 1 has. */
async function begin() {
  const model = notedModel();
  const config = configOf({ max_batch_size: 1, sequence_batching: { direct: {} } });
  const scheduler = await schedulerOf(config, model);
  await scheduler.schedule(part("a1", 1n, true));
  /** Ids and codes of the requests that are refused, in order. */
  const refused: string[] = [];
  const send = (request: BackendRequest): void =>
    void scheduler.schedule(request).catch(({ code }) => refused.push(`${request.id} ${code}`));
  return { model, scheduler, refused, send };
}
const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("a sequence that waits for a slot", () => {
  test.each([
    [9000, 20],
    [20, 9000],
  ])("ends with the shortest of its time-outs: %i ms and %i ms", async (first, second) => {
    const { scheduler, refused, send } = await begin();
    send(part("b1", 2n, true, first));
    send(part("b2", 2n, false, second));
    await pass(19);
    expect([refused, scheduler.openSequences!()]).toEqual([[], 2]);
    await pass(1);
    expect([refused, scheduler.openSequences!()]).toEqual([["b1 UNAVAILABLE", "b2 UNAVAILABLE"], 1]);
  });
  test("has no time-out any more once it has one", async () => {
    const { model, scheduler, refused, send } = await begin();
    send(part("b1", 2n, true, 100));
    send(part("b2", 2n, false, 50));
    await scheduler.schedule(part("a2", 1n, false, 0, true));
    await pass(101);
    await scheduler.schedule(part("b3", 2n, false));
    expect([refused, model.batches.flat()]).toEqual([[], ["a1", "a2", "b1", "b2", "b3"]]);
  });
});
