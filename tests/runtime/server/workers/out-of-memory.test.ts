/**
 * Heaps that are full: that of a model's thread, and that of a worker's loop.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { grpcClient } from "../../../reliability/support.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import {
  GOOD,
  INFER,
  isAlive,
  javascriptModel,
  ones,
  processes,
  type Served,
  serveWorkers,
  workersOf,
} from "./served.js";

const marks = mkdtempSync(join(tmpdir(), "merlon-memory-"));
afterAll(() => rmSync(marks, { recursive: true }));

/** MiB of each heap. */
const HEAP = 96;
/** Objects move from a small young generation to the old one in small steps. V8 would end the process for a large one. */
const SMALL = `--max-old-space-size=${HEAP} --max-semi-space-size=1`;

/** Fills the heap of its thread if its input is 1. Otherwise it responds with its process. */
const GREEDY = `export function execute(requests) {
  const kept = [];
  while (requests[0].inputs.IN.data[0] === 1) kept.push(Array.from({ length: 100 }, (_, i) => ({ i })));
  return requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [process.pid] }] }));
}`;

const pidFrom = async (served: Served, model: string): Promise<number> => {
  const { status, text, json } = await served.call("POST", `/v2/models/${model}/infer`, ones([0]));
  expect(status, text).toBe(200);
  return json.outputs[0].data[0];
};

test.each([1, 2])(
  "%i worker(s): a model that fills its heap fails its own request, and no process ends",
  async count => {
    const served = await serveWorkers(
      repository(["echo_int32"], javascriptModel("greedy", GREEDY)),
      count,
      [],
      undefined,
      {
        env: { NODE_OPTIONS: SMALL },
      },
    );
    const pids = workersOf(served);
    const greedy = served.call("POST", "/v2/models/greedy/infer", ones([1]));
    expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
    expect(await greedy).toMatchObject({
      status: 500,
      json: {
        error: expect.stringMatching(/model 'greedy_0', message: .*reaching memory limit: JS heap out of memory/),
      },
    });
    // The instance starts again with the next request, in each worker.
    const found = await processes(count, () => pidFrom(served, "greedy"));
    expect(found).toEqual(new Set(count === 1 ? [served.child.pid] : pids));
    expect(workersOf(served)).toEqual(pids);
    expect(served.log()).toMatch(
      /instance 'greedy_0' failed its requests in flight: .*JS heap out of memory; NODE_OPTIONS=--max-old-space-size=MIB sets/,
    );
    expect(await served.stop()).toBe(0);
  },
);

/** Runs until there is `release`. Its process leaves a mark. */
const HELD = `import { existsSync, writeFileSync } from "node:fs";
export async function execute(requests) {
  writeFileSync(${JSON.stringify(join(marks, "runs-"))} + process.pid, "");
  while (!existsSync(${JSON.stringify(join(marks, "release"))})) await new Promise(done => setTimeout(done, 5));
  return requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [process.pid] }] }));
}`;

/** Fills the heap of the loop of the worker that a file names. */
const FILLER = `import { existsSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
const look = () => {
  const kept = [];
  while (existsSync(${JSON.stringify(join(marks, "fill-"))} + process.pid)) kept.push(Array.from({ length: 100 }, (_, i) => ({ i })));
};
if (isMainThread && process.send) setInterval(look, 20).unref();
`;

test("a worker whose heap is full costs its own requests alone, the others serve, and another takes its place", async () => {
  const filler = join(marks, "filler.mjs");
  writeFileSync(filler, FILLER);
  const served = await serveWorkers(repository(["echo_int32"], javascriptModel("held", HELD)), 2, [], undefined, {
    env: { NODE_OPTIONS: `${SMALL} --import=${pathToFileURL(filler)}` },
  });
  const pids = workersOf(served);
  const runs = (pid: number): boolean => existsSync(join(marks, `runs-${pid}`));
  const other = served.call("POST", "/v2/models/held/infer", ones([0]));
  const survivor = await until("a worker runs a request", () => pids.find(runs));
  const client = grpcClient(served.grpc);
  const lost = client.infer({
    model_name: "held",
    inputs: [{ name: "IN", shape: [1], datatype: "INT32" }],
    raw_input_contents: [new Uint8Array(4)],
  });
  const victim = await until("the other one too", () => pids.find(pid => pid !== survivor && runs(pid)));
  writeFileSync(join(marks, `fill-${victim}`), "");
  expect((await lost).code).toBe(14);
  client.close();
  await until("it has ended", () => !isAlive(victim));
  for (let i = 0; i < 6; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  writeFileSync(join(marks, "release"), "");
  expect(await other).toMatchObject({ status: 200, json: { outputs: [{ data: [survivor] }] } });
  const line = `worker ${pids.indexOf(victim)} (process ${victim}) was ended by SIGABRT, as when its heap is full (NODE_OPTIONS=--max-old-space-size=MIB sets the limit); its connections are closed, and another takes its place`;
  await until("the log names it", () => served.log().includes(line));
  await until("another serves in its place", () => /worker \d \(process \d+\) serves/.test(served.log()));
  expect(await processes(2, () => pidFrom(served, "held"))).toEqual(new Set(workersOf(served)));
  expect(await served.stop()).toBe(0);
});
