/** A recorder under load: bodies and tensors of many megabytes, and a disk that is slower than the requests. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { atOnce, type Sliced } from "#runtime/base/slices.js";
import { connect } from "#runtime/client/index.js";
import { openCassette } from "#runtime/server/recordings/cassette.js";
import { readInferRequest } from "#runtime/server/transport/http/infer-request.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { createOrder } from "#runtime/testing/recordings/in-order.js";
import { record } from "#runtime/testing/recordings/record.js";
import { unseenMemory } from "#runtime/testing/recordings/unseen-memory.js";
import { MERLON } from "../../../needs/built.js";
import { until, untilWritten } from "../../../run/wait.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-record-load-"));
const MIB = 2 ** 20;
const twice = defineModel({
  inputs: { x: "FP32[-1]" },
  outputs: { y: "FP32[-1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data.map(v => 2 * v) }),
});
const sum = defineModel({
  inputs: { x: "FP32[-1]" },
  outputs: { y: "FP32[1]" },
  answer: ({ inputs }) => ({ y: [inputs.x.data[0]!] }),
});

/** A server that takes any body without a look at it. */
async function serveStub(): Promise<{ readonly url: string; close(): void }> {
  const tensor = (name: string) => ({ name, data_type: "TYPE_FP32", dims: [-1] });
  const answers: readonly (readonly [RegExp, object])[] = [
    [/\/config$/, { name: "sum", platform: "", backend: "mock", input: [tensor("x")], output: [tensor("y")] }],
    [/\/infer$/, { model_name: "sum", outputs: [{ name: "y", datatype: "FP32", shape: [1], data: [7] }] }],
    [/^\/v2$/, { name: "stub", version: "1", extensions: [] }],
  ];
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const answer = answers.find(([path]) => path.test(request.url ?? ""))?.[1];
      response.writeHead(answer ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(answer ?? {}));
    });
  }).listen(0, "127.0.0.1");
  await until("the stub listens", () => server.listening);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** Counts the milliseconds of the longest turn of the event loop. */
function watchTurns() {
  let [longest, last, isOver] = [0, performance.now(), false];
  const turn = (): void => {
    const now = performance.now();
    [longest, last] = [Math.max(longest, now - last), now];
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return longest;
  };
}

test("a JSON body of 32 MiB is recorded in short turns, and before the short one after it", async () => {
  // Made of one part, many times: to print two million numbers takes longer than the test.
  const part = Float32Array.from({ length: 2 ** 10 }, (_, i) => Math.fround(Math.sin(i) * 1e5));
  const times = 2 ** 11;
  const values = new Float32Array(part.length * times);
  for (let i = 0; i < times; i++) values.set(part, i * part.length);
  const printed = new Array<string>(times).fill(Array.from(part, v => v.toPrecision(14)).join(","));
  const text = `{"inputs":[{"name":"x","shape":[${values.length}],"datatype":"FP32","data":[${printed.join(",")}]}]}`;
  const body = Buffer.from(text);
  expect(body.length).toBeGreaterThan(32 * MIB);
  const short = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [5] }] });
  const stub = await serveStub();
  const out = join(folder, "long.cassette");
  const recording = await record({ http: stub.url, out });
  const infer = async (content: string | Buffer): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${recording.ports.http}/v2/models/sum/infer`, {
        method: "POST",
        body: content as BodyInit,
      })
    ).status;
  // Configuration and code are there before the time is taken.
  expect(await infer(short)).toBe(200);
  await until("the first is kept", () => recording.kept === 1);
  const limits = { memory: unseenMemory(), maxInputSize: 2 ** 30 };
  const config = { max_batch_size: 0, input: [{ name: "x", data_type: "TYPE_FP32", dims: [-1] }], output: [] };
  const began = performance.now();
  atOnce(
    readInferRequest(body, undefined, config as never, limits, new Cancellable()) as Sliced<
      Awaited<ReturnType<typeof readInferRequest>>
    >,
  );
  const inOneStretch = performance.now() - began;
  const longest = watchTurns();
  expect([await infer(body), await infer(short)]).toEqual([200, 200]);
  await until("all are kept", () => recording.kept === 3);
  expect(longest()).toBeLessThan(inOneStretch / 2);
  await recording.stop();
  stub.close();
  expect(recording.lost).toBe(0);
  const cassette = await openCassette(out);
  const found = [];
  for (const entry of cassette.entries) found.push(await cassette.read(entry));
  await cassette.close();
  expect(found.map(({ inputs }) => inputs[0]!.shape)).toEqual([[1], [values.length], [1]]);
  expect(Buffer.from(found[1]!.inputs[0]!.data).equals(Buffer.from(values.buffer))).toBe(true);
  expect(found[1]!.answers[0]!.outputs[0]).toMatchObject({ name: "y", shape: [1] });
}, 60_000);

test("work is done in its order, and refused where too much waits", async () => {
  const inOrder = createOrder(10);
  const done: string[] = [];
  const release: (() => void)[] = [];
  const slow = (name: string) => async (): Promise<void> => {
    await new Promise<void>(resolve => release.push(resolve));
    done.push(name);
  };
  const all = [inOrder(20, slow("large"))];
  expect(inOrder(1, slow("refused"))).toBeUndefined();
  await until("the first runs", () => release.length === 1);
  release[0]!();
  await all[0];
  const failing = inOrder(4, async () => {
    throw new Error("it fails");
  });
  all.push(inOrder(6, slow("second")));
  expect(inOrder(1, slow("refused"))).toBeUndefined();
  await expect(failing).rejects.toThrow("it fails");
  all.push(inOrder(4, slow("third")));
  await until("the second runs", () => release.length === 2);
  release[1]!();
  await until("the third runs", () => release.length === 3);
  release[2]!();
  await Promise.all(all);
  expect(done).toEqual(["large", "second", "third"]);
});

test("merlon record ends with 1 and the count where its disk was slower than the requests", async () => {
  const stub = await serveStub();
  const out = join(folder, "slow-disk");
  execFileSync("mkfifo", [out]);
  // A pipe that is open and not read is a disk that takes nothing.
  const unread = openSync(out, constants.O_RDWR | constants.O_NONBLOCK);
  const child = spawn(process.execPath, [MERLON, "record", "--target", stub.url, "--out", out]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const ended = once(child, "exit");
  const [, port] = await untilWritten(child, () => text, /HTTP 127.0.0.1:(\d+)/);
  const elements = 32 * MIB;
  const json = JSON.stringify({
    inputs: [{ name: "x", shape: [elements], datatype: "FP32", parameters: { binary_data_size: 4 * elements } }],
  });
  const body = gzipSync(Buffer.concat([Buffer.from(json), Buffer.alloc(4 * elements)]), { level: 1 });
  const infer = async (): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${port}/v2/models/sum/infer`, {
        method: "POST",
        headers: { "content-encoding": "gzip", "inference-header-content-length": String(json.length) },
        body,
      })
    ).status;
  // One is being written, three wait for it, and the fifth makes more than 512 MiB.
  for (let n = 0; n < 5; n++) expect(await infer()).toBe(200);
  await untilWritten(child, () => text, /slow-disk is written more slowly than requests arrive/);
  const reader = spawn("sh", ["-c", `cat < "$0" > /dev/null`, out]);
  child.kill("SIGINT");
  expect(await ended, text).toEqual([1, null]);
  closeSync(unread);
  await once(reader, "exit");
  stub.close();
  expect(text).toMatch(/4 requests are in \S+; 1 more were not recorded, for the reasons above\./);
}, 120_000);

test("a tensor of 128 MiB is recorded beside other clients, which wait for it as long as for a copy", async () => {
  await using server = await createTestServer({ models: { sum, twice } });
  const out = join(folder, "huge.cassette");
  const recording = await record({ grpc: `grpc://${server.grpc}`, out });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  await using other = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  const x = new Float32Array(2 ** 25).fill(3);
  const huge = client.infer("sum", { x });
  for (let n = 0; n < 20; n++) await other.infer("twice", { x: [n] });
  expect([...((await huge).y!.data as Float32Array)]).toEqual([3]);
  await recording.stop();
  expect([recording.kept, recording.lost]).toEqual([21, 0]);
  const cassette = await openCassette(out);
  const entry = cassette.entries.find(({ model }) => model === "sum")!;
  const { inputs } = await cassette.read(entry);
  expect([inputs[0]!.data.byteLength, Buffer.from(inputs[0]!.data).equals(Buffer.from(x.buffer))]).toEqual([
    2 ** 27,
    true,
  ]);
  await cassette.close();
}, 60_000);

/** Bytes that this process may still take: the tensor is in it several times, of the client, the recorder and the server. */
const NEEDED = 5 * 2 ** 30;

test("a tensor of 420 MiB is recorded, and the recorder serves the next request", async ({ skip }) => {
  skip(process.availableMemory() < NEEDED, `it takes ${NEEDED / 2 ** 30} GiB of memory`);
  await using server = await createTestServer({ models: { sum, twice } });
  const out = join(folder, "largest.cassette");
  const recording = await record({ grpc: `grpc://${server.grpc}`, out });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  const x = new Float32Array(105 * MIB).fill(3);
  expect([...((await client.infer("sum", { x })).y!.data as Float32Array)]).toEqual([3]);
  expect([...((await client.infer("twice", { x: [4] })).y!.data as Float32Array)]).toEqual([8]);
  await recording.stop();
  expect([recording.kept, recording.lost]).toEqual([2, 0]);
  const cassette = await openCassette(out);
  const { inputs } = await cassette.read(cassette.entries.find(({ model }) => model === "sum")!);
  const read = Buffer.from(inputs[0]!.data.buffer, inputs[0]!.data.byteOffset, inputs[0]!.data.byteLength);
  expect([read.byteLength, read.equals(Buffer.from(x.buffer))]).toEqual([420 * MIB, true]);
  await cassette.close();
}, 120_000);
