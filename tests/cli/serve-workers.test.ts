/** How many processes `merlon serve` has without `--workers`. */
import { expect, test } from "vitest";
import { type Machine, thisMachine, workersByDefault } from "#cli/serve-workers.js";
import type { ServeOptions } from "#runtime/server/lifecycle/server-options.js";

const LARGE: Machine = { processors: 16, memoryLimit: 96 * 2 ** 30, missingFlags: [] };
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

test("one where Node does not allow what several need, and a note names the missing flags", () => {
  const notes: string[] = [];
  const missingFlags = ["--allow-child-process", "--allow-fs-write=/tmp/"];
  expect(workersByDefault(served, { ...LARGE, missingFlags }, text => notes.push(text))).toBe(1);
  expect(notes).toEqual([
    "1 worker: under Node's permission model, more than one needs --allow-child-process --allow-fs-write=/tmp/ too",
  ]);
});

test("no note where one worker is all that the machine or the flags take", () => {
  const notes: string[] = [];
  const missingFlags = ["--allow-child-process"];
  expect(workersByDefault(served, { ...LARGE, processors: 1, missingFlags }, text => notes.push(text))).toBe(1);
  expect(workersByDefault({ ...served, seed: 0n }, { ...LARGE, missingFlags }, text => notes.push(text))).toBe(1);
  expect(notes).toEqual([]);
});

test("named processors have a worker each", () => {
  expect(workersByDefault({ ...served, cpuAffinity: "0-3" }, LARGE)).toBe("auto");
});

test("this machine has a processor and lacks no flag", () => {
  expect(thisMachine()).toMatchObject({ missingFlags: [] });
  expect(thisMachine().processors).toBeGreaterThanOrEqual(1);
});
