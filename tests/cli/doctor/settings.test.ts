/** The settings that `merlon doctor` prints: they are those that `merlon serve --workers auto` takes. */
import { expect, test } from "vitest";
import { type Resources, settingFindings } from "#cli/doctor/settings.js";
import { threadEnvironment } from "#runtime/base/processors.js";
import { workerPlaces } from "#runtime/server/workers/affinity.js";

const LARGE: Resources = {
  env: {},
  available: 8,
  quota: 4.5,
  memoryLimit: 8 * 2 ** 30,
  allowed: [0, 1, 2, 3, 4, 5, 6, 7],
};
const found = (resources: Resources): Readonly<Record<string, string>> =>
  Object.fromEntries(settingFindings(resources).map(({ name, found }) => [name, found]));

test("on a machine of eight processors with a quota of four and a half", () => {
  expect(found(LARGE)).toEqual({
    workers: "merlon serve starts 4; --workers sets it",
    threads: "each worker: ONNX models above 16 MB, batches of searches 1; libuv 2; OpenMP 1; OpenBLAS 1",
    "memory limit": "8192 MiB, 2048 MiB for each of 4 workers; --memory-limit sets it",
    affinity: "--cpu-affinity auto sets 0-1:2-3:4-5:6-7",
  });
  const [, threads] = settingFindings(LARGE);
  expect(threads!.details).toEqual({ ...threadEnvironment(1, {}), fromEnvironment: [] });
  expect(workerPlaces([LARGE.allowed!], 4, 4)[0]!.env).toEqual(threadEnvironment(1, process.env));
});

test("the environment wins, is named, and a value that is not a number is a fault", () => {
  const own = settingFindings({ ...LARGE, env: { UV_THREADPOOL_SIZE: "8" } })[1]!;
  expect(own).toMatchObject({
    state: "ok",
    details: { UV_THREADPOOL_SIZE: "8", fromEnvironment: ["UV_THREADPOOL_SIZE"] },
  });
  expect(own.found).toContain("libuv 8; OpenMP 1; OpenBLAS 1 (from the environment: UV_THREADPOOL_SIZE)");
  expect(settingFindings({ ...LARGE, env: { MERLON_THREADS: "-2" } })[1]).toMatchObject({
    state: "broken",
    found: "MERLON_THREADS=-2 is not a number of threads",
    fix: "set MERLON_THREADS to a whole number from 1, or unset it",
  });
});
