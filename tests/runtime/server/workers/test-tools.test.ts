/**
 * Faults that end after a number of requests, replayed cassettes, and the page: two workers are one server.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exchangeRecord, headLine, modelLine } from "#runtime/server/recordings/cassette-line.js";
import { complete } from "#triton-protos/complete-message.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { call, GOOD, INFER, serveWorkers, workersOf } from "./served.js";

test("a fault with `times` hits that number of requests, over connections to both workers", async () => {
  const flags = ["--fault", "echo_int32:error=UNAVAILABLE,times=3", "--fault-admin-port", "0"];
  const served = await serveWorkers(repository(["echo_int32"]), 2, flags);
  const send = async (count: number): Promise<number> => {
    const answers = await Promise.all(Array.from({ length: count }, () => served.call("POST", INFER, GOOD)));
    const failed = answers.filter(({ status }) => status !== 200);
    expect(new Set(failed.map(({ text }) => text)).size).toBeLessThanOrEqual(1);
    return failed.length;
  };
  expect(await send(2)).toBe(2);
  const list = async () => (await call(served.faultAdmin!, "GET", "/faults")).json;
  expect(await list()).toMatchObject([{ id: 1, hits: 2 }]);
  expect(await send(9)).toBe(1);
  expect(await list()).toEqual([]);
  const { json } = await call(served.faultAdmin!, "POST", "/faults", { fault: "*:error=UNAVAILABLE,times=5" });
  expect(await send(12)).toBe(5);
  await until("the fault is over", async () => (await list()).length === 0);
  expect(json.id).toBe(2);
  expect(await send(4)).toBe(0);
  expect(await served.stop()).toBe(0);
});

/** A cassette in which equal requests have these answers in turn. */
function cassetteOf(answers: readonly number[]): string {
  const file = join(mkdtempSync(join(tmpdir(), "merlon-cassette-")), "turns.cassette");
  const tensor = (name: string, value: number) => ({
    ...{ name, datatype: "INT32", shape: [1], data: new Uint8Array(Int32Array.of(value).buffer) },
  });
  const config = {
    ...{ name: "m", backend: "mock" },
    input: [{ name: "IN", data_type: "TYPE_INT32", dims: [1] }],
    output: [{ name: "OUT", data_type: "TYPE_INT32", dims: [1] }],
  };
  const parts: (Buffer | string)[] = [
    `${headLine("grpc://somewhere:8001", { name: "triton", version: "2.73.0" })}\n`,
    `${modelLine("m", complete("inference.ModelConfig", config as object))}\n`,
  ];
  for (const value of answers) {
    const { line, blocks } = exchangeRecord({
      ...{ protocol: "grpc", model: "m", version: "1", id: "", parameters: new Map(), headers: {}, line: 0 },
      ...{ inputs: [tensor("IN", 1)], outputs: [], stream: false },
      answers: [{ ms: 1, version: "1", parameters: new Map(), outputs: [tensor("OUT", value)] }],
    });
    parts.push(`${line}\n`, ...blocks.map(block => Buffer.from(block)), blocks.length > 0 ? "\n" : "");
  }
  writeFileSync(file, Buffer.concat(parts.map(part => Buffer.from(part as string))));
  return file;
}

test("a cassette is replayed in its order over connections to both workers, without a repository too", async () => {
  const answers = [7, 8, 9, 10, 11];
  const served = await serveWorkers(undefined, 2, ["--replay", cassetteOf(answers)]);
  const body = { inputs: [{ name: "IN", shape: [1], datatype: "INT32", data: [1] }] };
  const got: unknown[] = [];
  for (const _ of answers) got.push((await served.call("POST", "/v2/models/m/infer", body)).json.outputs[0].data[0]);
  expect(got).toEqual(answers);
  expect(await served.stop()).toBe(0);
});

test("the page shows the requests of all workers, each with its stages, and their history as one", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 2, ["--ui", "0"]);
  await until("the page is announced", () => served.log().includes("The page: "));
  const page = Number(/The page: http:\/\/127\.0\.0\.1:(\d+)/.exec(served.log())![1]);
  const get = async (path: string) => (await call(page, "GET", path)).json;
  const before = (await get("/counts")).newest;
  for (let i = 0; i < 6; i++) await served.call("POST", INFER, { ...GOOD, id: `r${i}` });
  const list = await get("/requests");
  expect(list.map(({ requestId }: { requestId: string }) => requestId)).toEqual(["r5", "r4", "r3", "r2", "r1", "r0"]);
  expect(new Set(list.map(({ id }: { id: number }) => Math.floor(id / 1e9))).size).toBe(2);
  for (const { id, requestId } of list) {
    const detail = await get(`/requests/${id}`);
    expect(detail).toMatchObject({ requestId, outputs: [{ name: "OUTPUT0", values: [1, 2, 3, 4] }] });
  }
  const counts = await get("/counts");
  expect(counts.newest).not.toBe(before);
  expect(counts.unseen).toBe(0);
  expect((await get("/history")).whole).toMatchObject({ requests: 6, failures: 0 });
  expect((await get("/history?model=echo_int32")).whole.requests).toBe(6);
  expect((await call(page, "GET", "/history?model=none")).status).toBe(404);
  expect((await call(page, "GET", "/requests/999999999999")).status).toBe(404);
  // The page works after the end of a worker.
  const [victim] = workersOf(served);
  process.kill(victim!, "SIGKILL");
  await until("another has its place", () => served.log().includes(" serves"));
  const left = (await get("/requests")).length;
  expect(left > 0 && left < 6).toBe(true);
  expect(await served.stop()).toBe(0);
});
