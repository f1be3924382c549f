/**
 * Models of the repository whose native code ends a worker, by a crash or a long run. They do it once: afterwards all workers run
 * them in processes of their own.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../../run/wait.js";
import { product } from "../../../walls/support/costly-models.js";
import { repository } from "../support.js";
import { call, GOOD, INFER, type Served, serveWorkers, workersOf } from "./served.js";

/** Rows of products that take more than the time of a silent worker, on machines of today: 15 and 7 seconds. */
const [MOST, MANY] = [4000, 3000];
const CONFIG = `backend: "onnxruntime"
input [ { name: "X", data_type: TYPE_INT64, dims: [1] } ] output [ { name: "Y", data_type: TYPE_INT64, dims: [1] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]`;
const files = (name: string) => ({ [`${name}/config.pbtxt`]: CONFIG, [`${name}/1/model.onnx`]: product() });

let served: Served;
beforeAll(async () => {
  const folder = repository(["echo_int32"], { ...files("hangs"), ...files("crashes"), ...files("innocent") });
  served = await serveWorkers(folder, 2, ["--worker-timeout", "5"]);
}, 60_000);
afterAll(async () => expect(await served.stop()).toBe(0), 60_000);

const infer = (model: string, x: number) =>
  served.call("POST", `/v2/models/${model}/infer`, {
    inputs: [{ name: "X", datatype: "INT64", shape: [1], data: [x] }],
  });
/** Hundredths of a second that a process has computed. */
const cpuTime = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ")[11]);
const lines = (text: string): number => served.log().split(text).length - 1;

async function learnedAsShort(model: string): Promise<void> {
  for (let i = 0; i < 40; i++) expect(await infer(model, 2)).toMatchObject({ status: 200 });
}

/** A long run ends well, and the workers serve meanwhile. */
async function servesBeside(model: string): Promise<void> {
  const pids = workersOf(served);
  let isOver = false;
  const long = infer(model, MANY).finally(() => {
    isOver = true;
  });
  for (let i = 0; !isOver; i++) {
    expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
    if (i % 20 === 0) expect((await infer("innocent", 2)).status).toBe(200);
  }
  expect(await long).toMatchObject({ status: 200, json: { outputs: [{ data: [MANY] }] } });
  expect(workersOf(served)).toEqual(pids);
}

test("a run that makes a worker silent ends it once", async () => {
  await learnedAsShort("hangs");
  await learnedAsShort("innocent");
  await expect(infer("hangs", MOST)).rejects.toThrow();
  const line = "version 1 of model 'hangs' ran native code when worker";
  await until("the log names the model", () => lines(line) === 1);
  await until("two workers serve", () => workersOf(served).length === 2 && lines(") serves") >= 1);
  await servesBeside("hangs");
  const { text } = await call(served.metrics, "GET", "/metrics");
  expect(text).toContain('\nmerlon_model_isolated{model="hangs",version="1"} 1\n');
  expect(text).not.toContain('merlon_model_isolated{model="innocent"');
  expect(lines("ran native code when worker")).toBe(1);
}, 120_000);

test("a crash ends a worker once", async () => {
  await learnedAsShort("crashes");
  const before = new Map(workersOf(served).map(pid => [pid, cpuTime(pid)]));
  const crashes = infer("crashes", MOST);
  crashes.catch(() => {});
  let busy: number | undefined;
  await until("a worker computes", () => {
    busy = workersOf(served).find(pid => cpuTime(pid) > before.get(pid)! + 50);
    return busy !== undefined;
  });
  process.kill(busy!, "SIGSEGV");
  await expect(crashes).rejects.toThrow();
  await until("the log names the model", () =>
    /version 1 of model 'crashes' ran native code when worker \d \(process \d+\) was ended by SIGSEGV/.test(
      served.log(),
    ),
  );
  await until("two workers serve", () => workersOf(served).length === 2 && lines(") serves") >= 2);
  await servesBeside("crashes");
  expect(lines("ran native code when worker")).toBe(2);
}, 120_000);
