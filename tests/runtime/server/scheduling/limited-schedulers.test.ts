/** Schedulers under a rate limiter: idle instances do not mean that nothing waits, and only what waits has a claim. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createRateLimiter, type RateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import type { Scheduler } from "#runtime/server/scheduling/scheduler.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { type Asked, configOf, notedModel, requestOf, schedulerOf, turns } from "./support.js";

const configWith = (name: string, count: number, more: ModelConfigInit) =>
  configOf({
    name,
    instance_group: [{ count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", global: true, count }] } }],
    ...more,
  });
const load = (limiter: RateLimiter, model: LoadedModel, needs: number, more: ModelConfigInit = {}) =>
  schedulerOf(configWith("m", needs, more), model, { limiter });

/** A scheduler whose resource another model has until its execution is released. */
async function heldBack(more: ModelConfigInit) {
  const limiter = createRateLimiter([{ name: "R", count: 1 }]);
  const [holder, model] = [notedModel(true), notedModel()];
  const running = (await load(limiter, holder, 1)).schedule(requestOf("0"));
  const scheduler = await load(limiter, model, 1, more);
  const release = async (): Promise<void> => {
    holder.release();
    await running;
  };
  return { scheduler, model, release };
}

/** Each request is a sequence of its own, where the scheduler has sequences. */
const send = (scheduler: Scheduler, id: string, asked: Asked = {}): Promise<string> =>
  scheduler
    .schedule(requestOf(id, { ...asked, controls: { correlationId: BigInt(id), start: true, end: true } }))
    .then(() => "answered")
    .catch(({ message }) => message);

function drained(scheduler: Scheduler): () => boolean {
  let is = false;
  void scheduler.drain().then(() => {
    is = true;
  });
  return () => is;
}

afterEach(() => void vi.useRealTimers());

const KINDS: readonly (readonly [string, ModelConfigInit])[] = [
  ["direct", {}],
  ["dynamic", { dynamic_batching: {} }],
  ["sequence", { sequence_batching: { direct: {} } }],
];

describe.each(KINDS)("a %s scheduler that drains", (_, more) => {
  test("waits for a request that its resource is held back from, after another one has left", async () => {
    const { scheduler, model, release } = await heldBack(more);
    const leaving = new Cancellable();
    const all = [send(scheduler, "1", { signal: leaving }), send(scheduler, "2")];
    const isDrained = drained(scheduler);
    leaving.abort();
    await turns();
    expect(isDrained()).toBe(false);
    await release();
    await turns();
    expect([isDrained(), await Promise.all(all)]).toEqual([true, ["Request cancelled", "answered"]]);
    expect(model.batches).toEqual([["2"]]);
  });
  test("ends when its last request has left, while another model still has the resource", async () => {
    const { scheduler, release } = await heldBack(more);
    const leaving = new Cancellable();
    const waiting = send(scheduler, "1", { signal: leaving });
    const isDrained = drained(scheduler);
    await turns();
    expect(isDrained()).toBe(false);
    leaving.abort();
    await turns();
    expect([isDrained(), await waiting]).toEqual([true, "Request cancelled"]);
    await release();
  });
});
