/**
 * Attacks on a server with several workers: floods of loads, idle connections, and models that look for the channel to the control process.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtFile } from "../../../needs/built.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { GOOD, INFER, javascriptModel, ones, serveWorkers, workersOf } from "./served.js";

const sockets = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter(name => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;

test("a flood of loads is bounded, and delays neither requests nor statistics", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const go = join(marks, "go");
  const begun = join(marks, "begun");
  const late = `import { existsSync, writeFileSync } from "node:fs";
    export async function initialize() { writeFileSync(${JSON.stringify(begun)}, ""); while (!existsSync(${JSON.stringify(go)})) await new Promise(next => setTimeout(next, 10)); }
    export const execute = () => [];`;
  const served = await serveWorkers(repository(["echo_int32"], javascriptModel("late", late)), 2, [
    ...["--model-control-mode", "explicit", "--load-model", "echo_int32"],
  ]);
  const first = served.call("POST", "/v2/repository/models/late/load", {});
  await until("the first load has begun", () => existsSync(begun));
  const flood = Array.from({ length: 300 }, () => served.call("POST", "/v2/repository/models/echo_int32/load", {}));
  let refused = 0;
  for (const load of flood) void load.then(({ status }) => status === 503 && refused++);
  await until("some are refused", () => refused >= 40);
  expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect((await served.call("GET", "/v2/models/echo_int32/stats")).json.model_stats[0].inference_count).toBe(1);
  writeFileSync(go, "");
  expect((await first).status).toBe(200);
  const answers = await Promise.all(flood);
  expect(answers.filter(({ status }) => status === 200).length).toBe(255);
  expect(answers.find(({ status }) => status === 503)?.json.error).toBe(
    "256 loads and unloads wait for their turn; try again later",
  );
  expect(await served.stop()).toBe(0);
  rmSync(marks, { recursive: true });
});

test("idle and half-open connections tie up no worker", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 2, ["--exit-timeout-secs", "3"]);
  const before = workersOf(served).map(sockets);
  const idle: Socket[] = [];
  for (let i = 0; i < 400; i++) {
    const socket = connect(i % 2 ? served.http : served.grpc, "127.0.0.1");
    socket.on("error", () => {});
    if (i % 3 === 1) socket.end("POST /v2/models/echo_int32/infer HTTP/1.1\r\nContent-Le");
    idle.push(socket);
  }
  await until("they have been handed over", () => {
    const now = workersOf(served).map(sockets);
    return now.reduce((sum, count, i) => sum + count - before[i]!, 0) >= 250;
  });
  const [a, b] = workersOf(served).map((pid, i) => sockets(pid) - before[i]!);
  expect(Math.abs(a! - b!)).toBeLessThan(60);
  for (let i = 0; i < 20; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  for (const socket of idle) socket.destroy();
  await until("they are closed", () => workersOf(served).every((pid, i) => sockets(pid) <= before[i]! + 4));
  expect(await served.stop()).toBe(0);
});

test("a model's code has no way to the channel of its worker", async () => {
  const code = `export const execute = requests => requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [3],
    data: [process.send === undefined ? 0 : 1, process.channel == null ? 0 : 1, process.env.NODE_CHANNEL_FD === undefined ? 0 : 1] }] }));`;
  const served = await serveWorkers(repository([], javascriptModel("curious", code)), 2);
  const { json } = await served.call("POST", "/v2/models/curious/infer", ones([1]));
  expect(json.outputs[0].data).toEqual([0, 0, 0]);
  expect(await served.stop()).toBe(0);
});

test("the worker's program does nothing by itself", () => {
  const { status, stderr } = spawnSync(process.execPath, [builtFile("cli/server-worker.js")], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("`merlon serve --workers N`, which starts it");
});

test("more workers than processors are allowed, and auto on one processor is one process", async ({ skip }) => {
  const many = await serveWorkers(repository(["echo_int32"]), 5);
  expect(workersOf(many).length).toBe(5);
  expect(many.log()).toMatch(/5 workers share \d+ processors/);
  expect(await many.stop()).toBe(0);
  if (!existsSync("/usr/bin/taskset")) skip("taskset of util-linux is missing");
  const one = await serveWorkers(repository(["echo_int32"]), "auto", [], child => {
    spawnSync("taskset", ["-p", "1", String(child.pid)]);
  });
  expect(workersOf(one)).toEqual([]);
  expect((await one.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await one.stop()).toBe(0);
});

test("a number of workers that makes no sense is refused before anything starts", async () => {
  const folder = repository(["echo_int32"]);
  await expect(serveWorkers(folder, 0 as never)).rejects.toThrow(/--workers takes auto, or 1 to 256/);
});
