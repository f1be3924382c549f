/** The latest latencies of a model: quantiles of the last minute, from a ring. */
import { afterEach, expect, test, vi } from "vitest";
import { createSamples } from "#runtime/server/observe/latency-samples.js";

afterEach(() => vi.useRealTimers());

test("each latency has its own quantiles, of the latest 512 answers; what did not happen counts for none", () => {
  const samples = createSamples();
  expect(samples.quantile("request", 0.5)).toBeNaN();
  for (let i = 1; i <= 612; i++) samples.addAnswer(i * 1000, i * 2000, i * 3000, i * 4000, i * 5000);
  // 101 … 612 are left.
  expect(samples.quantile("request", 0)).toBe(101);
  expect(samples.quantile("request", 0.5)).toBe(357);
  expect(samples.quantile("queue", 1)).toBe(1224);
  expect(samples.quantile("compute_input", 1)).toBe(1836);
  expect(samples.quantile("compute_infer", 1)).toBe(2448);
  expect(samples.quantile("compute_output", 1)).toBe(3060);
  expect(samples.quantile("cache_hit", 0.5)).toBeNaN();
  samples.add({ request: 7_000_000, cache_hit: 9000 });
  samples.add({ cache_miss: 8000 });
  expect(samples.quantile("request", 1)).toBe(7000);
  expect(samples.quantile("cache_hit", 0.5)).toBe(9);
  expect(samples.quantile("cache_miss", 0.5)).toBe(8);
});

test("what is older than a minute is forgotten", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const samples = createSamples();
  samples.addAnswer(1000, 1000, 1000, 1000, 1000);
  vi.advanceTimersByTime(59_000);
  samples.addAnswer(3000, 1000, 1000, 1000, 1000);
  expect(samples.quantile("request", 0)).toBe(1);
  vi.advanceTimersByTime(2000);
  expect(samples.quantile("request", 0)).toBe(3);
});
