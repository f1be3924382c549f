/** How many processes `merlon serve` has without `--workers`. */
import { expect, test } from "vitest";
import { type Machine, thisMachine, workersByDefault } from "#cli/serve-workers.js";
import type { ServeOptions } from "#runtime/server/lifecycle/server-options.js";

const LARGE: Machine = { processors: 16, memoryLimit: 96 * 2 ** 30, startsProcesses: true };
const served: ServeOptions = { modelRepositories: ["models"] };

test("one a processor", () => {
  expect(workersByDefault(served, LARGE)).toBe(16);
  expect(workersByDefault(served, { ...LARGE, processors: 1 })).toBe(1);
});

test("fewer where the memory limit has no room for them", () => {
  expect(workersByDefault(served, { ...LARGE, memoryLimit: 3 * 2 ** 29 + 1 })).toBe(3);
  expect(workersByDefault(served, { ...LARGE, memoryLimit: 2 ** 27 })).toBe(1);
  expect(workersByDefault({ ...served, memoryLimit: 2 ** 30 }, LARGE)).toBe(2);
  expect(workersByDefault({ ...served, memoryLimit: Infinity }, LARGE)).toBe(16);
});

test.each<[what: string, flags: Partial<ServeOptions>]>([
  ["a seed", { seed: 0n }],
  ["a recording", { replay: { cassette: "staging.cassette" } }],
  ["stand-ins for missing models", { mockMissing: true }],
  ["stand-ins for all models", { mockStandIns: true }],
  ["faults", { faults: ["ranker:error"] }],
  ["faults that are set later", { faultAdminPort: 0 }],
])("%s needs one process", (_, flags) => {
  expect(workersByDefault({ ...served, ...flags }, LARGE)).toBe(1);
});

test("one where Node does not allow others", () => {
  expect(workersByDefault(served, { ...LARGE, startsProcesses: false })).toBe(1);
});

test("named processors have a worker each", () => {
  expect(workersByDefault({ ...served, cpuAffinity: "0-3" }, LARGE)).toBe("auto");
});

test("this machine has a processor and may start processes", () => {
  expect(thisMachine()).toMatchObject({ startsProcesses: true });
  expect(thisMachine().processors).toBeGreaterThanOrEqual(1);
});
