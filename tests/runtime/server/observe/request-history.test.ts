// The counts behind the page's charts: exact numbers of requests, quantiles within a few percent, and memory that requests and models cannot grow.
import fc from "fast-check";
import { expect, test } from "vitest";
import { addCounts, createHistory, printHistory } from "#runtime/server/observe/request-history.js";

const OPTIONS = { intervalMs: 1000, intervals: 10, models: 3 };

test("counts by interval, the oldest first; older ones than the window are dropped", () => {
  const history = createHistory(OPTIONS);
  history.add("a", 1, false, 100_500);
  history.add("a", 2, true, 100_900);
  history.add("b", 3, false, 103_000);
  const { intervals, whole, intervalMs } = history.read(undefined, 103_100)!;
  expect(intervalMs).toBe(1000);
  expect(intervals.map(({ requests, failures }) => [requests, failures])).toEqual([
    ...Array.from({ length: 6 }, () => [0, 0]),
    [2, 1],
    [0, 0],
    [0, 0],
    [1, 0],
  ]);
  expect(intervals[0]!.p50).toBeNull();
  expect(intervals[9]!.start - intervals[0]!.start).toBe(9000);
  expect(whole).toMatchObject({ requests: 3, failures: 1 });
  expect(history.read("a", 103_100)!.whole.requests).toBe(2);
  expect(history.read("a", 110_500)!.whole.requests).toBe(0);
  expect(history.read(undefined, 110_500)!.whole.requests).toBe(1);
  // After a long pause no count of an earlier round is left.
  history.add("a", 1, false, 500_000);
  expect(history.read("a", 500_000)!.whole.requests).toBe(1);
});

test("quantiles are within 3 % of the exact ones, from 10 µs to two minutes", () => {
  const latencies = fc.array(fc.double({ min: 0.011, max: 120_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(latencies, list => {
      const history = createHistory(OPTIONS);
      for (const latency of list) history.add("m", latency, false, 5000);
      const sorted = list.toSorted((a, b) => a - b);
      const { whole } = history.read("m", 5000)!;
      for (const [part, found] of [
        [0.5, whole.p50],
        [0.95, whole.p95],
        [0.99, whole.p99],
      ] as const) {
        const exact = sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
        expect(Math.abs(found! / exact - 1)).toBeLessThan(0.03);
      }
    }),
  );
});

test("models beyond the bound are in the sum alone, until one of the others has had no requests for the window", () => {
  const history = createHistory(OPTIONS);
  for (let i = 0; i < 1000; i++) history.add(`model${i}`, 1, false, 1000);
  expect(history.read(undefined, 1000)!.whole.requests).toBe(1000);
  expect(["model0", "model2", "model3", "model999"].map(name => history.read(name, 1000)?.whole.requests)).toEqual([
    1,
    1,
    undefined,
    undefined,
  ]);
  history.add("late", 1, false, 10_500);
  expect(history.read("late", 10_500)).toBeUndefined();
  history.add("late", 1, false, 11_500);
  expect(history.read("late", 11_500)!.whole.requests).toBe(1);
  expect(history.read("model0", 11_500)).toBeUndefined();
});

test("counts of several processes add up interval by interval, and are those of one that had all requests", () => {
  const request = fc.record({
    process: fc.nat({ max: 2 }),
    at: fc.integer({ min: 100_000, max: 112_000 }),
    ms: fc.double({ min: 0.02, max: 5000, noNaN: true }),
    failed: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 60 }),
      fc.array(fc.nat({ max: 900 }), { minLength: 3, maxLength: 3 }),
      (all, late) => {
        const histories = [0, 1, 2].map(() => createHistory({ ...OPTIONS, epochMs: 0 }));
        const whole = createHistory({ ...OPTIONS, epochMs: 0 });
        for (const { process, at, ms, failed } of all.toSorted((a, b) => a.at - b.at)) {
          histories[process]!.add("m", ms, failed, at);
          whole.add("m", ms, failed, at);
        }
        // The processes answer one after the other.
        const last = 112_000 + Math.max(...late);
        const merged = printHistory(addCounts(histories.map((one, i) => one.counts(undefined, 112_000 + late[i]!)!)));
        expect(merged).toEqual(whole.read(undefined, last));
      },
    ),
  );
});
