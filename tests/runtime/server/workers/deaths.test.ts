/**
 * Workers that die, hang, or never serve; and the end of the whole server.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { python } from "../../../needs/python.js";
import { grpcClient } from "../../../reliability/support.js";
import { elapse, until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { call, GOOD, INFER, isAlive, javascriptModel, ones, type Served, serveWorkers, workersOf } from "./served.js";

/** Workers killed under load; `npm run soak:workers` kills hundreds. */
const KILLS = Number(process.env.MERLON_KILLS ?? 8);

/** There once `slow` runs. */
const begun = join(mkdtempSync(join(tmpdir(), "merlon-begun-")), "run");
const SLOW = `import { writeFileSync } from "node:fs";
export async function execute(requests) {
  writeFileSync(${JSON.stringify(begun)}, "");
  await new Promise(done => setTimeout(done, requests[0].inputs.IN.data[0]));
  return requests.map(({ inputs: { IN } }) => ({ outputs: [{ ...IN, name: "OUT", data: Int32Array.of(process.pid) , shape: [1] }] }));
}`;

const isReady = async (served: Served): Promise<boolean> =>
  (await served.call("GET", "/v2/health/ready").catch(() => undefined))?.status === 200;

test(
  "a worker that is killed under load costs its own requests alone, and none hangs",
  async () => {
    const served = await serveWorkers(repository(["echo_int32"]), 2);
    let [isOver, good, broken] = [false, 0, 0];
    const odd: string[] = [];
    const ask = async (): Promise<void> => {
      while (!isOver)
        try {
          const { status, text } = await served.call("POST", INFER, GOOD);
          if (status === 200) good++;
          // A busy worker had forwarded it to the one that was killed.
          else if (status === 503 && /^\{"error":"worker \d of this server, which ran the request, /.test(text))
            broken++;
          else odd.push(`${status} ${text}`);
        } catch (error) {
          if (/ECONNRESET|socket hang up|EPIPE/.test(String(error))) broken++;
          else odd.push(String(error));
        }
    };
    const traffic = Promise.all(Array.from({ length: 4 }, ask));
    for (let i = 0; i < KILLS; i++) {
      await until("both workers serve", () => served.log().split(" serves").length > i, 60_000);
      const [victim] = workersOf(served).slice(i % 2);
      process.kill(victim!, "SIGKILL");
      await until("it has ended", () => !isAlive(victim!));
      const before = good;
      await until("requests are answered", () => good > before + 4);
    }
    isOver = true;
    await traffic;
    expect(odd).toEqual([]);
    // Each of four clients has at most one request in flight.
    expect(broken).toBeLessThanOrEqual(4 * KILLS);
    await until("both serve again", async () => workersOf(served).length === 2 && (await isReady(served)), 60_000);
    expect(await served.stop()).toBe(0);
  },
  Math.max(600_000, 60_000 * KILLS),
);

test("a gRPC client of a worker that dies gets UNAVAILABLE, and its next call is answered", async () => {
  const served = await serveWorkers(repository([], javascriptModel("slow", SLOW)), 2);
  const rpc = grpcClient(served.grpc);
  const slow = (ms: number) =>
    rpc.infer({
      model_name: "slow",
      inputs: [{ name: "IN", shape: [1], datatype: "INT32" }],
      raw_input_contents: [new Uint8Array(Int32Array.of(ms).buffer)],
    });
  expect((await slow(1)).code).toBe(0);
  rmSync(begun, { force: true });
  const pending = slow(20_000);
  await until("the request runs", () => existsSync(begun));
  for (const pid of workersOf(served)) process.kill(pid, "SIGKILL");
  expect(await pending).toMatchObject({ code: 14 });
  await until("a worker serves", async () => (await slow(1)).code === 0);
  rpc.close();
  expect(await served.stop()).toBe(0);
});

test("what a dead worker counted stays in the sums, and its place has the models that clients loaded", async () => {
  const flags = ["--model-control-mode", "explicit", "--load-model", "echo_int32"];
  const served = await serveWorkers(repository(["echo_int32", "echo_bytes", "calc_fp32"]), 2, flags);
  for (const [name, what] of [
    ["echo_bytes", "load"],
    ["calc_fp32", "load"],
    ["calc_fp32", "unload"],
  ])
    expect((await served.call("POST", `/v2/repository/models/${name}/${what}`, {})).status).toBe(200);
  expect((await served.call("POST", "/v2/logging", { log_info: false })).status).toBe(200);
  for (let i = 0; i < 6; i++) await served.call("POST", INFER, GOOD);
  const count = async (): Promise<number> =>
    (await served.call("GET", "/v2/models/echo_int32/stats")).json.model_stats[0].inference_count;
  const scraped = async (): Promise<string> =>
    /nv_inference_count\{model="echo_int32",version="1"\} (\d+)/.exec(
      (await call(served.metrics, "GET", "/metrics")).text,
    )![1]!;
  expect([await count(), await scraped()]).toEqual([6, "6"]);
  const [victim, other] = workersOf(served);
  process.kill(victim!, "SIGKILL");
  await until("another has its place", () => workersOf(served).some(pid => pid !== victim && pid !== other));
  expect([await count(), await scraped()]).toEqual([6, "6"]);
  process.kill(other!, "SIGKILL");
  await until("the new one alone serves", async () => !isAlive(other!) && (await isReady(served)));
  const { json } = await served.call("POST", "/v2/repository/index", {});
  expect(json).toEqual([
    { name: "calc_fp32" },
    { name: "echo_bytes", version: "1", state: "READY" },
    { name: "echo_int32", version: "1", state: "READY" },
  ]);
  expect((await served.call("GET", "/v2/logging")).json.log_info).toBe(false);
  expect([await count(), await scraped()]).toEqual([6, "6"]);
  expect(await served.stop()).toBe(0);
});

test("a worker that ends again and again: the server says so, is not ready, and lives", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const deadly = join(marks, "deadly");
  const code = `import { existsSync } from "node:fs";
    if (existsSync(${JSON.stringify(deadly)})) process.kill(process.pid, "SIGKILL");
    ${SLOW}`;
  const served = await serveWorkers(repository([], javascriptModel("slow", code)), 2);
  writeFileSync(deadly, "");
  process.kill(workersOf(served)[0]!, "SIGKILL");
  await until("the log says so", () => served.log().includes("times in a row"), 60_000);
  await until("it is not ready", async () => !(await isReady(served)));
  expect(served.log()).toMatch(/worker 0 has ended 3 times in a row before it could serve, so the server is not ready/);
  expect((await served.call("GET", "/v2/health/live")).status).toBe(200);
  // The other one serves on.
  expect((await served.call("POST", "/v2/models/slow/infer", ones([1]))).status).toBe(200);
  rmSync(deadly);
  await until("it is ready again", () => isReady(served), 60_000);
  expect(await served.stop()).toBe(0);
  rmSync(marks, { recursive: true });
}, 180_000);

test("a worker that hangs is ended and replaced, and clients get the others meanwhile", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 2, ["--worker-timeout", "4"]);
  const [stuck] = workersOf(served);
  process.kill(stuck!, "SIGSTOP");
  let answered = 0;
  const end = performance.now() + 30_000;
  while (isAlive(stuck!) && performance.now() < end) {
    const answer = await Promise.race([served.call("POST", INFER, GOOD).catch(() => undefined), elapse(300)]);
    if (answer?.status === 200) answered++;
  }
  expect(isAlive(stuck!)).toBe(false);
  expect(answered).toBeGreaterThan(3);
  await until("its silence is logged", () => served.log().includes("has been silent for 4 s"));
  await until("another has its place", () => {
    const pids = workersOf(served);
    return pids.length === 2 && !pids.includes(stuck!);
  });
  expect(await served.stop()).toBe(0);
});

test("a control process that is killed leaves no orphan", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 3);
  const pids = workersOf(served);
  expect(pids.length).toBe(3);
  served.child.kill("SIGKILL");
  await until("all workers have ended", () => pids.every(pid => !isAlive(pid)));
});

test("workers that are stopped, and cannot notice anything, end with the control process too", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 2);
  const pids = workersOf(served);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  served.child.kill("SIGKILL");
  await until("all workers have ended", () => pids.every(pid => !isAlive(pid)));
});

test("connections that a worker has not read when it dies go to another one, and their requests are answered", async () => {
  // A server that can inject faults forwards nothing because of load. Otherwise a busy worker may forward a request to the stopped one.
  const served = await serveWorkers(repository(["echo_int32"]), 2, ["--fault-admin-port", "0"]);
  const [stuck] = workersOf(served);
  process.kill(stuck!, "SIGSTOP");
  const asked = Array.from({ length: 6 }, () => served.call("POST", INFER, GOOD));
  const answers = Promise.all(asked);
  // The living worker answers its own, and the others wait.
  await Promise.race(asked);
  process.kill(stuck!, "SIGKILL");
  expect((await answers).map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(Array(6).fill(200));
  expect(await served.stop()).toBe(0);
});

test("SIGTERM: requests in flight are answered, and no process is left", async () => {
  const served = await serveWorkers(repository([], javascriptModel("slow", SLOW)), 2);
  const pids = workersOf(served);
  rmSync(begun, { force: true });
  const asked = Array.from({ length: 6 }, () => served.call("POST", "/v2/models/slow/infer", ones([1500])));
  await until("the first runs", () => existsSync(begun));
  // The others, which were sent at the same time, have been read.
  await elapse(300);
  const stopped = served.stop();
  const answers = await Promise.all(asked);
  expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
  expect(await stopped).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(served.log()).toContain("Signal (15) received.");
});

test("SIGTERM to every process of the group: requests in flight are answered, too", async () => {
  const served = await serveWorkers(repository([], javascriptModel("slow", SLOW)), 2);
  const pids = workersOf(served);
  rmSync(begun, { force: true });
  const asked = [1, 2, 3].map(() => served.call("POST", "/v2/models/slow/infer", ones([1000])));
  await until("the first runs", () => existsSync(begun));
  await elapse(300);
  for (const pid of [...pids, served.child.pid!]) process.kill(pid, "SIGTERM");
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await served.ended).toEqual({ code: 0, signal: null });
  expect(pids.filter(isAlive)).toEqual([]);
});

/** Runs a program on a terminal of its own, which is closed at the first line of input. */
const ON_TERMINAL = `
import os, pty, select, sys
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    ready = select.select([master, 0], [], [])[0]
    if 0 in ready:
        break
    os.write(1, os.read(master, 65536))
os.close(master)
print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`;

test.each([1, 2])("a terminal that closes: a request in flight is answered by %s workers", async workers => {
  const folder = repository([], javascriptModel("slow", SLOW));
  const command = [python(), "-c", ON_TERMINAL];
  const served = await serveWorkers(folder, workers, ["--log-verbose", "1"], undefined, { command });
  rmSync(begun, { force: true });
  const asked = served.call("POST", "/v2/models/slow/infer", ones([1000]));
  await until("it runs", () => existsSync(begun));
  served.child.stdin!.write("close\n");
  expect((await asked).status).toBe(200);
  await served.ended;
  await until("its end is printed", () => /ended with \S+\n/.exec(served.log()));
  expect(served.log()).toContain("ended with 0\n");
});

test("requests that take longer than the exit timeout: the server ends with 1", async () => {
  const flags = ["--exit-timeout-secs", "1"];
  const served = await serveWorkers(repository([], javascriptModel("slow", SLOW)), 2, flags);
  const pids = workersOf(served);
  rmSync(begun, { force: true });
  const asked = served.call("POST", "/v2/models/slow/infer", ones([60_000])).catch((error: Error) => error);
  await until("the request runs", () => existsSync(begun));
  expect(await served.stop()).toBe(1);
  expect(await asked).toBeInstanceOf(Error);
  await until("no process is left", () => !pids.some(isAlive));
});

test("a model that fails at the start ends the server, with its reason and without processes", async () => {
  const folder = repository([], javascriptModel("bad", `throw new Error("no weights");`));
  await expect(serveWorkers(folder, 2)).rejects.toThrow(
    /no weights[\s\S]*error: creating server: Internal - failed to load all models/,
  );
});

test("SIGTERM while models load ends all processes at once", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const begun = join(marks, "begun");
  const code = `import { writeFileSync } from "node:fs";
    export async function initialize() { writeFileSync(${JSON.stringify(begun)}, ""); await new Promise(() => {}); }
    export const execute = () => [];`;
  const starting = serveWorkers(repository([], javascriptModel("late", code)), 2, [], child => {
    void until("a load has begun", () => existsSync(begun)).then(() => child.kill("SIGTERM"));
  });
  await expect(starting).rejects.toThrow(/ended with/);
  rmSync(marks, { recursive: true });
});
