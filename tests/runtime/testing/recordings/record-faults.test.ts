/**
 * A recorder under faults: a full disk, an unavailable configuration at first, clients that hang up, and secrets. Recorded exchanges are
 * complete, and others are counted.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { openCassette } from "#runtime/server/recordings/cassette.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { diff } from "#runtime/testing/recordings/diff.js";
import { openDiffTarget } from "#runtime/testing/recordings/diff-target.js";
import { record } from "#runtime/testing/recordings/record.js";
import { createRecordFile } from "#runtime/testing/recordings/record-file.js";
import { MERLON } from "../../../needs/built.js";
import { until, untilWritten } from "../../../run/wait.js";
import { readCassette } from "./read-cassette.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-record-faults-"));
const twice = defineModel({
  inputs: { x: "FP32[-1]" },
  outputs: { y: "FP32[-1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data.map(v => 2 * v) }),
});

test("--mask hides a header whatever the case of its name, and the file is its owner's alone, also where it was there before", async () => {
  await using server = await createTestServer({ models: { twice } });
  const out = join(folder, "masked.cassette");
  writeFileSync(out, "old", { mode: 0o644 });
  const recording = await record({ grpc: `grpc://${server.grpc}`, http: server.http, out, mask: ["X-Customer-Pass"] });
  const headers = { "x-customer-pass": "open-sesame", "X-Team": "ranking" };
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`, { headers });
  await client.infer("twice", { x: [1] });
  await fetch(`http://127.0.0.1:${recording.ports.http}/v2/models/twice/infer`, {
    method: "POST",
    headers,
    body: JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] }),
  });
  await recording.stop();
  expect(readFileSync(out, "utf8")).not.toContain("open-sesame");
  const { exchanges } = await readCassette(out);
  expect(exchanges.map(one => one.headers)).toEqual([
    expect.objectContaining({ "x-customer-pass": "<masked>", "x-team": "ranking" }),
    expect.objectContaining({ "x-customer-pass": "<masked>", "x-team": "ranking" }),
  ]);
  expect(statSync(out).mode & 0o777).toBe(0o600);
});

/** In front of the server, since a test server has no such faults. @param fault the response in place of the server's */
async function serveFront(
  target: string,
  fault: (path: string) => { readonly status: number; readonly body: string } | undefined,
): Promise<{ readonly url: string; close(): void }> {
  const front = createServer((request, response) => {
    const path = request.url ?? "";
    const chunks: Buffer[] = [];
    request.on("data", chunk => chunks.push(chunk));
    request.on("end", async () => {
      const instead = fault(path);
      if (instead) return response.writeHead(instead.status).end(instead.body);
      const body = Buffer.concat(chunks);
      const answer = await fetch(`${target}${path}`, { method: request.method!, ...(body.length > 0 && { body }) });
      return response
        .writeHead(answer.status, { "content-type": "application/json" })
        .end(Buffer.from(await answer.arrayBuffer()));
    });
  }).listen(0, "127.0.0.1");
  await until("the front listens", () => front.listening);
  return { url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`, close: () => front.close() };
}

/** Status of a request to `twice`. */
async function inferTwice(port: number, n: number): Promise<number> {
  const body = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [n] }] });
  return (await fetch(`http://127.0.0.1:${port}/v2/models/twice/infer`, { method: "POST", body })).status;
}

const NOT_NOW = { status: 503, body: '{"error":"not now"}' };

test.each([
  ["a model that can't be read at first is read later", /\/models\/twice(\/config)?$/],
  ["a configuration that alone can't be read at first is read later", /\/models\/twice\/config$/],
])("%s, and the HTTP requests before it are counted as lost", async (_, broken) => {
  await using server = await createTestServer({ models: { twice } });
  let isBroken = true;
  const front = await serveFront(server.http, path => (isBroken && broken.test(path) ? NOT_NOW : undefined));
  const warnings: string[] = [];
  const out = join(folder, "later.cassette");
  const recording = await record({ http: front.url, out, warn: text => warnings.push(text) });
  expect(await inferTwice(recording.ports.http!, 1)).toBe(200);
  await until("one is over", () => recording.lost + recording.kept === 1);
  expect(recording.lost).toBe(1);
  isBroken = false;
  expect(await inferTwice(recording.ports.http!, 2)).toBe(200);
  await until("one is kept", () => recording.kept === 1);
  await recording.stop();
  front.close();
  await using client = await connect(server.http);
  const { exchanges, models } = await readCassette(out);
  expect(exchanges.map(({ inputs }) => [...new Float32Array(Uint8Array.from(inputs[0]!.data).buffer)])).toEqual([[2]]);
  expect([...models]).toEqual([["twice", await client.modelConfig("twice")]]);
  expect(warnings).toEqual([expect.stringContaining("is kept without its tensors")]);
});

test.each([
  ["404", { status: 404, body: '{"detail":"Not Found"}' }],
  ["501", { status: 501, body: '{"error":"not implemented"}' }],
])("a server without configurations (%s) is recorded with its metadata", async (_, missing) => {
  await using server = await createTestServer({ models: { twice } });
  const front = await serveFront(server.http, path => (path.endsWith("/config") ? missing : undefined));
  const out = join(folder, "without-config.cassette");
  const recording = await record({ http: front.url, out });
  expect(await inferTwice(recording.ports.http!, 1)).toBe(200);
  await recording.stop();
  front.close();
  expect([recording.kept, recording.lost]).toEqual([1, 0]);
  expect((await readCassette(out)).models.get("twice")).toMatchObject({
    backend: "mock",
    input: [{ name: "x", data_type: "TYPE_FP32", dims: [-1] }],
  });
});

test("a full disk: the recorder says so, counts what is lost, and passes everything on", async () => {
  await using server = await createTestServer({ models: { twice } });
  const warnings: string[] = [];
  const recording = await record({
    grpc: `grpc://${server.grpc}`,
    out: "/dev/full",
    warn: text => warnings.push(text),
  });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  for (let n = 0; n < 3; n++)
    expect([...((await client.infer("twice", { x: [n] })).y!.data as Float32Array)]).toEqual([2 * n]);
  await recording.stop();
  expect([recording.kept, recording.lost, recording.fault?.message]).toEqual([0, 3, expect.stringContaining("ENOSPC")]);
  expect(warnings).toEqual([expect.stringContaining("/dev/full is not written any more: ENOSPC")]);
});

test("merlon record ends with 1 and the count where its disk was full", async () => {
  await using server = await createTestServer({ models: { twice } });
  const child = spawn(process.execPath, [MERLON, "record", "--target", server.http, "--out", "/dev/full"]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const ended = new Promise<number | null>(resolve => child.on("exit", resolve));
  await until("its address", () => /HTTP 127.0.0.1:\d+/.test(text));
  const [, port] = /HTTP 127.0.0.1:(\d+)/.exec(text)!;
  const body = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [4] }] });
  const answer = await fetch(`http://127.0.0.1:${port}/v2/models/twice/infer`, { method: "POST", body });
  expect(await answer.json()).toMatchObject({ outputs: [{ data: [8] }] });
  child.kill("SIGINT");
  expect(await ended).toBe(1);
  expect(text).toContain("/dev/full has 0 requests; 1 more were not recorded: ENOSPC");
}, 30_000);

test("merlon record ends with 1 and the count where it could not read a request", async () => {
  await using server = await createTestServer({ models: { twice } });
  const out = join(folder, "unreadable.cassette");
  const child = spawn(process.execPath, [MERLON, "record", "--target", server.http, "--out", out]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const ended = new Promise<number | null>(resolve => child.on("exit", resolve));
  const [, port] = await untilWritten(child, () => text, /HTTP 127.0.0.1:(\d+)/);
  const url = `http://127.0.0.1:${port}/v2/models/twice/infer`;
  expect((await fetch(url, { method: "POST", body: "no JSON" })).ok).toBe(false);
  expect(await inferTwice(Number(port), 3)).toBe(200);
  child.kill("SIGINT");
  expect(await ended).toBe(1);
  expect(text).toContain(`1 requests are in ${out}; 1 more were not recorded, for the reasons above.`);
}, 30_000);

test("a write that fails in the middle leaves whole records", async () => {
  const path = join(folder, "short.cassette");
  const file = await createRecordFile(path, () => {});
  file.write(["first\n"], 1);
  await until("one is kept", () => file.kept === 1);
  file.write(["second, and then ", { byteLength: 7 } as Uint8Array], 1);
  file.write(["third\n"], 1);
  await file.close();
  expect([file.kept, file.lost, file.fault !== undefined]).toEqual([1, 2, true]);
  expect(readFileSync(path, "utf8")).toBe("first\n");
});

test("a client that hangs up is no server that cuts: it is recorded as cancelled, and not replayed", async () => {
  let release = (): void => {};
  const slow = defineModel({
    inputs: { x: "FP32[1]" },
    outputs: { y: "FP32[1]" },
    answer: async ({ inputs }) => {
      await new Promise<void>(resolve => {
        release = resolve;
      });
      return { y: inputs.x.data };
    },
  });
  await using server = await createTestServer({ models: { slow } });
  const out = join(folder, "hung-up.cassette");
  const recording = await record({ http: server.http, out });
  const body = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] });
  const socket = connectSocket(recording.ports.http!, "127.0.0.1");
  socket.write(`POST /v2/models/slow/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await until("the request runs", () => server.model("slow").requests.length === 1);
  socket.destroy();
  await until("one is kept", () => recording.kept === 1);
  release();
  await recording.stop();
  const cassette = await openCassette(out);
  expect((await cassette.read(cassette.entries[0]!)).error).toEqual({
    code: "CANCELLED",
    message: "the client hung up",
  });
  expect(cassette.entries[0]!.isReplayable).toBe(false);
  await cassette.close();
});

test("a server equals itself: repeats, parameters, versions, outputs and refusals", async () => {
  let count = 0;
  const counting = defineModel({
    inputs: { x: "FP32[1]" },
    outputs: { y: "FP32[1]", z: "FP32[1]" },
    answer: ({ inputs, parameters }) => {
      if (inputs.x.data[0]! < 0) throw new Error("it is below zero");
      return { y: [count++], z: [Number(parameters.times ?? 1)] };
    },
  });
  await using server = await createTestServer({ models: { counting } });
  const out = join(folder, "counting.cassette");
  const recording = await record({ grpc: `grpc://${server.grpc}`, out });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  for (let n = 0; n < 30; n++) {
    const options = {
      ...(n % 3 === 0 && { parameters: { times: n } }),
      ...(n % 4 === 0 && { version: 1 }),
      ...(n % 5 === 0 && { outputs: ["y"] }),
    };
    await client.infer("counting", { x: [n % 2 === 0 ? 1 : -1] }, options as never).catch(() => {});
  }
  await recording.stop();
  const { exchanges } = await readCassette(out);
  expect(exchanges).toHaveLength(30);
  count = 0;
  const requests = await openCassette(out);
  const sides = [await openDiffTarget(out, { requests }), await openDiffTarget(server.grpc)] as const;
  const results = await diff(exchanges, sides, { kind: "bits" });
  expect(results.flatMap(({ differences }) => differences)).toEqual([]);
  // Another file of the same requests is matched by their content, in their order.
  const copy = join(folder, "copy.cassette");
  writeFileSync(copy, readFileSync(out));
  const copied = [await openDiffTarget(copy, { requests }), sides[0]] as const;
  expect((await diff(exchanges, copied, { kind: "bits" })).flatMap(({ differences }) => differences)).toEqual([]);
  for (const side of [...sides, copied[0]]) await side.close();
  await requests.close();
});

test("a version that was recorded is served, and answers its own requests", async () => {
  const out = join(folder, "versions.cassette");
  await using server = await createTestServer({ models: { twice } });
  const recording = await record({ grpc: `grpc://${server.grpc}`, out });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  await client.infer("twice", { x: [1] });
  await recording.stop();
  // The same exchange as versions 3 and 12 would have answered it.
  const text = readFileSync(out, "utf8");
  const line = text.split("\n").find(one => one.includes('"kind":"infer"'))!;
  const of = (version: number): string => {
    const json = JSON.parse(line);
    json.answers[0].version = String(version);
    json.answers[0].outputs[0].data = [version];
    return `${JSON.stringify(json)}\n`;
  };
  writeFileSync(out, text.replace(`${line}\n`, `${of(3)}${of(12)}`));
  await using replay = await createTestServer({ cassette: out });
  const y = async (version?: number) => {
    const { y: found } = await replay.infer("twice", { x: [1] }, version ? { version } : {});
    return (found!.data as Float32Array)[0];
  };
  expect([await y(3), await y(12), await y()]).toEqual([3, 12, 12]);
  await expect(y(1)).rejects.toThrow();
});
