/**
 * JavaScript models that never end an execution: `execution_timeout_ms` ends one, and the end of the server the others.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { GOOD, INFER, isAlive, javascriptModel, ones, processes, serveWorkers, workersOf } from "./served.js";

const marks = mkdtempSync(join(tmpdir(), "merlon-hung-"));
const begun = join(marks, "begun");
beforeEach(() => rmSync(begun, { force: true }));
afterAll(() => rmSync(marks, { recursive: true }));

/** Never ends if its input is 1. Otherwise it responds with its process. */
const HANGS = `import { writeFileSync } from "node:fs";
export function execute(requests) {
  if (requests[0].inputs.IN.data[0] === 1) {
    writeFileSync(${JSON.stringify(begun)}, String(process.pid));
    for (;;);
  }
  return requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [process.pid] }] }));
}`;
const hanging = javascriptModel("hangs", HANGS);
const limited = {
  ...hanging,
  "hangs/config.pbtxt": `${hanging["hangs/config.pbtxt"]}parameters { key: "execution_timeout_ms" value { string_value: "1500" } }\n`,
};

test("an execution that hangs ends after its time, and both workers serve meanwhile and afterwards", async () => {
  // The loop is not blocked, so the worker is not silent.
  const flags = ["--worker-timeout", "1"];
  const served = await serveWorkers(repository(["echo_int32"], limited), 2, flags);
  const pids = workersOf(served);
  const hung = served.call("POST", "/v2/models/hangs/infer", ones([1]));
  let isOver = false;
  void hung.finally(() => {
    isOver = true;
  });
  await until("it hangs", () => existsSync(begun));
  let answered = 0;
  for (; !isOver; answered++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(answered).toBeGreaterThan(3);
  expect(await hung).toMatchObject({
    status: 500,
    json: { error: expect.stringContaining("execution took longer than 1500 ms; the instance was started again") },
  });
  const found = await processes(2, async () => {
    const { status, text, json } = await served.call("POST", "/v2/models/hangs/infer", ones([0]));
    expect(status, text).toBe(200);
    return json.outputs[0].data[0];
  });
  expect(found).toEqual(new Set(pids));
  expect(workersOf(served)).toEqual(pids);
  expect(served.log()).toContain(
    "instance 'hangs_0' failed its requests in flight: execution took longer than 1500 ms",
  );
  expect(await served.stop()).toBe(0);
});

test.each([1, 2])("%i worker(s): SIGTERM ends a server whose model hangs without a limit", async count => {
  const flags = ["--exit-timeout-secs", "2"];
  const served = await serveWorkers(repository(["echo_int32"], hanging), count, flags);
  const pids = workersOf(served);
  const hung = served.call("POST", "/v2/models/hangs/infer", ones([1])).catch((error: Error) => error);
  await until("it hangs", () => existsSync(begun));
  for (let i = 0; i < 4; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  const began = performance.now();
  expect(await served.stop()).toBe(1);
  // The grace period, the time of the processes' ends, and a busy machine.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await hung).toBeInstanceOf(Error);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(served.log()).toContain("Exit timeout expired");
});

test("a model that hangs before it is loaded: SIGTERM ends all processes at once", async () => {
  const code = `import { writeFileSync } from "node:fs";
    export function initialize() { writeFileSync(${JSON.stringify(begun)}, ""); for (;;); }
    export const execute = () => [];`;
  let pids: readonly number[] = [];
  const starting = serveWorkers(repository([], javascriptModel("late", code)), 2, [], child => {
    void until("a load hangs", () => existsSync(begun)).then(() => {
      pids = workersOf({ child });
      child.kill("SIGTERM");
    });
  });
  await expect(starting).rejects.toThrow(/ended with/);
  expect(pids).toHaveLength(2);
  await until("all workers have ended", () => !pids.some(isAlive));
});

test("a worker whose loop is blocked is replaced, with its models' threads", async () => {
  const block = join(marks, "block-");
  const module = join(marks, "block.mjs");
  writeFileSync(
    module,
    `import { existsSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
const look = () => { while (existsSync(${JSON.stringify(block)} + process.pid)); };
if (isMainThread && process.send) setInterval(look, 20).unref();
`,
  );
  const served = await serveWorkers(repository(["echo_int32"], hanging), 2, ["--worker-timeout", "2"], undefined, {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(module)}` },
  });
  const [stuck, other] = workersOf(served);
  writeFileSync(`${block}${stuck}`, "");
  await until("its silence is logged", () => served.log().includes(`(process ${stuck}) has been silent for 2 s`));
  await until("another serves in its place", () => /worker 0 \(process \d+\) serves/.test(served.log()));
  expect(isAlive(stuck!)).toBe(false);
  expect(workersOf(served)).toContain(other);
  for (let i = 0; i < 4; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await served.stop()).toBe(0);
});
