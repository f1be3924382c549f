/** `--cpu-affinity`: the processors of each worker, of those that replace one, and lists that are refused. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { allowedProcessors, parseProcessors } from "#runtime/base/processors.js";
import {
  divideAffinity,
  readAffinity,
  requireTaskset,
  workerPlaces,
  workersFor,
} from "#runtime/server/workers/affinity.js";
import { MERLON } from "../../../needs/built.js";
import { until } from "../../../run/wait.js";
import { serveWorkers, workersOf } from "./served.js";

const ALLOWED = [0, 1, 2, 3, 6];

test("auto is all processors that the process may use, and lists name those of each worker", () => {
  expect(readAffinity("auto", ALLOWED)).toEqual([ALLOWED]);
  expect(readAffinity("0,1:2-3", ALLOWED)).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(workersFor([[0, 1, 6]])).toBe(3);
  expect(workersFor([[0, 1], [6]])).toBe(2);
});

test.each(["", ":", "0:", "all", "0-1;2", "0--1", "-1"])("'%s' is refused with the form", text =>
  expect(() => readAffinity(text, ALLOWED)).toThrow(
    `cpu-affinity: auto, or processors such as 0-3,8, with : between workers; got '${text}'`,
  ),
);

test("processors that the process may not use are named, with those that it may", () =>
  expect(() => readAffinity("0-7", ALLOWED)).toThrow(
    "this process may not use the processors 4-5,7; its affinity and its control group allow 0-3,6",
  ));

test("a system that does not show processors, and one without taskset", () => {
  expect(() => readAffinity("auto", undefined)).not.toThrow();
  expect(() => readAffinity("auto", [])).toThrow("leave the flag out");
  const absent = (() => ({ status: null })) as never;
  expect(() => requireTaskset(absent)).toThrow("add the package util-linux");
});

test("one list is divided: every processor is used, by one worker, in parts that differ by one at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 }), (processors, count) => {
      const all = Array.from({ length: processors }, (_, i) => 2 * i);
      const parts = divideAffinity([all], count);
      expect(parts).toHaveLength(count);
      if (count <= processors) expect(parts.flat()).toEqual(all);
      else expect(new Set(parts.flat())).toEqual(new Set(all));
      const sizes = parts.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(Math.min(...sizes)).toBeGreaterThan(0);
    }),
  );
  expect(() => divideAffinity([[0], [1]], 3)).toThrow("2 lists for 3 workers");
});

test("threads of a worker are its share of the processors, and no more than its list has", () => {
  const threads = (...given: Parameters<typeof workerPlaces>) =>
    workerPlaces(...given).map(({ env }) => env.MERLON_THREADS);
  expect(threads(undefined, 2, 8)).toEqual(["4", "4"]);
  expect(threads(undefined, 16, 8)[15]).toBe("1");
  expect(threads([[0], [1, 2, 3]], 2, 8)).toEqual(["1", "3"]);
  // A quota of two processors on a machine of eight.
  expect(threads([[0, 1, 2, 3, 4, 5, 6, 7]], 2, 2)).toEqual(["1", "1"]);
});

const processorsOf = (pid: number): readonly number[] | undefined =>
  parseProcessors(/^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]!);
const variableOf = (pid: number, name: string): string | undefined =>
  readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .find(entry => entry.startsWith(`${name}=`))
    ?.slice(name.length + 1);

function emptyRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-affinity-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("each worker runs on its processors with as many threads, as does the one that takes its place", async ({
  skip,
}) => {
  const allowed = allowedProcessors();
  if (!allowed || allowed.length < 2) skip("fewer than two processors");
  const served = await serveWorkers(emptyRepository(), 2, ["--cpu-affinity", "auto"]);
  onTestFinished(() => void served.stop());
  const parts = divideAffinity([allowed!], 2);
  const [first, second] = workersOf(served);
  expect([processorsOf(first!), processorsOf(second!)]).toEqual(parts);
  expect(processorsOf(served.child.pid!)).toEqual(allowed);
  expect(variableOf(first!, "MERLON_THREADS")).toBe(String(parts[0]!.length));
  process.kill(first!, "SIGKILL");
  await until("another has its place", () => workersOf(served).some(pid => pid !== first && pid !== second));
  const third = workersOf(served).find(pid => pid !== second)!;
  await until("it has its processors", () => processorsOf(third)?.join() === parts[0]!.join());
});

test("a server of one process moves to its processors, with all its threads", async () => {
  const [one] = allowedProcessors()!;
  const served = await serveWorkers(emptyRepository(), 1, ["--cpu-affinity", String(one)]);
  onTestFinished(() => void served.stop());
  const { pid } = served.child;
  const tasks = spawnSync("ls", [`/proc/${pid}/task`], { encoding: "utf8" })
    .stdout.trim()
    .split("\n");
  expect(tasks.length).toBeGreaterThan(1);
  const lists = tasks.map(task => readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"));
  for (const status of lists) expect(status).toMatch(new RegExp(`^Cpus_allowed_list:\\t${one}$`, "m"));
});

test("a processor that is not there ends the start, with a line that names it", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [MERLON, "serve", "--model-repository", emptyRepository(), "--workers", "2", "--cpu-affinity", "0:4095"],
    { encoding: "utf8" },
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/cpu-affinity: this process may not use the processors 4095; .* allow /);
});
