// Requests that wait are cancelled once, however often their signals call, and not after they began.
import { expect, test } from "vitest";
import { Cancellable, either } from "#runtime/base/cancellation.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { directScheduler } from "#runtime/server/scheduling/direct.js";
import { notedModel, requestOf } from "./support.js";

test("a request is pending once where both of its signals are aborted", async () => {
  const stats = createStatistics();
  const model = notedModel(true);
  const scheduler = directScheduler(model, 1, stats);
  const running = scheduler.schedule(requestOf("1"));
  const [one, other] = [new Cancellable(), new Cancellable()];
  const waiting = scheduler.schedule(requestOf("2", { signal: either(one, other) }));
  expect(stats.pending).toBe(1);
  one.abort();
  other.abort();
  await expect(waiting).rejects.toThrow("cancelled");
  expect(stats.pending).toBe(0);
  model.release();
  await running;
  expect(stats.pending).toBe(0);
});

test("a request that is given up before it is sent does not run", async () => {
  const model = notedModel();
  const signal = new Cancellable();
  signal.abort();
  const sent = directScheduler(model, 1, createStatistics()).schedule(requestOf("1", { signal }));
  await expect(sent).rejects.toThrow("Request cancelled");
  expect(model.batches).toEqual([]);
});

test("a listener that another removes meanwhile is not called", () => {
  const signal = new Cancellable();
  const called: string[] = [];
  const second = (): void => void called.push("second");
  signal.addEventListener("abort", () => {
    called.push("first");
    signal.removeEventListener("abort", second);
  });
  signal.addEventListener("abort", second);
  signal.addEventListener("abort", () => {
    called.push("third");
    signal.addEventListener("abort", () => called.push("late"));
  });
  signal.abort();
  signal.abort();
  expect(called).toEqual(["first", "third"]);
});
