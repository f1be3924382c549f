/**
 * The part of each worker in the options of a server, and options that several workers cannot share.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSeeds } from "#runtime/server/requests/seeds.js";
import { restartDelay } from "#runtime/server/workers/supervisor.js";
import { requireShareable, seedOf, shareOf, workerOptions, workersOf } from "#runtime/server/workers/worker-options.js";

const server = { modelRepositories: ["models"] };
const second = { index: 1, count: 4, serial: 6 };

test("limits of the server are divided", () => {
  const given = { ...server, memoryLimit: 4096, cacheSize: 101, cacheConfig: { local: { size: "400" } } };
  expect(workerOptions(given, second)).toMatchObject({
    memoryLimit: 1024,
    cacheSize: 25,
    cacheConfig: { local: { size: "100" } },
  });
});

test("a count of traces is divided without a rest, and each process has a file of its own", () => {
  const trace = { mode: "triton", settings: { count: 6 }, file: "/tmp/t.json", otlp: {} } as never;
  expect(workerOptions({ ...server, trace }, second).trace).toMatchObject({
    file: "/tmp/t.json.worker-6",
    shownFile: "/tmp/t.json",
    settings: { count: 2 },
  });
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 64 }), (total, count) => {
      const shares = Array.from({ length: count }, (_, index) => shareOf(total, index, count));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});

test("no two workers draw alike, and each draws the same at the next start", () => {
  const draws = (seed: bigint, index: number): string => {
    const next = createSeeds(seedOf(seed, index));
    return Array.from({ length: 8 }, next).join(" ");
  };
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), seed => {
      const all = Array.from({ length: 16 }, (_, index) => draws(seed, index));
      expect(new Set(all).size).toBe(16);
      expect(draws(seed, 3)).toBe(all[3]);
    }),
  );
  expect(workerOptions({ ...server, seed: 7n }, second).seed).toBe(seedOf(7n, 1));
});

test("options that only one process can have are refused, with a way out", () => {
  const all = [{ middleware: [{}] }, { clock: {} }, { writeLog: {} }];
  for (const options of all)
    expect(() => requireShareable({ ...server, ...(options as object) })).toThrow(
      /several workers cannot share it: use --workers 1/,
    );
  expect(() => requireShareable({ ...server, middleware: [], faults: ["m:error,times=2"] })).not.toThrow();
});

test("auto is what the processor affinity and the control group allow", () => {
  expect(workersOf("auto", 8, undefined)).toBe(8);
  expect(workersOf("auto", 8, 2.5)).toBe(2);
  expect(workersOf("auto", 8, 0.5)).toBe(1);
  expect(workersOf(undefined, 8, undefined)).toBe(1);
  expect(workersOf(3, 1, 1)).toBe(3);
});

test("each start in a row without success is later, up to half a minute", () => {
  const delays = Array.from({ length: 40 }, (_, failures) => restartDelay(failures));
  expect(delays.slice(0, 5)).toEqual([0, 0, 500, 1000, 2000]);
  expect(delays.at(-1)).toBe(30_000);
  expect(delays).toEqual(delays.toSorted((a, b) => a - b));
});
