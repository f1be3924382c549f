/**
 * A recorder between TLS and TLS: a server whose certificate a private authority signed, clients with one of the recorder's. Some
 * exchanges can't be recorded.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { record } from "#runtime/testing/recordings/record.js";
import { makeCertificates } from "../../client/certificates.js";
import { startServer } from "../../server/support.js";
import { readCassette } from "./read-cassette.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-record-tls-"));
const file = (name: string): string => join(folder, name);
const pem = (name: string): Buffer => readFileSync(file(name));

beforeAll(() => makeCertificates(folder, ["server"]));

const model = defineModel({
  inputs: { x: "FP32[2]" },
  outputs: { y: "FP32[2]" },
  answer: ({ inputs }) => ({ y: inputs.x.data.map(v => v * 2) }),
});

/** The model behind TLS on both protocols; HTTP's by a small proxy, since Triton's has none of its own. */
async function secureServer() {
  const server = await createTestServer(
    { models: { model } },
    { serve: { grpcTls: { certificate: file("server.pem"), key: file("server.key") } } },
  );
  const { port } = new URL(server.http);
  const front = createServer({ cert: pem("server.pem"), key: pem("server.key") }, (asked, answer) => {
    asked.pipe(
      request({ host: "127.0.0.1", port, method: asked.method, path: asked.url, headers: asked.headers }, found => {
        answer.writeHead(found.statusCode!, found.headers);
        found.pipe(answer);
      }),
    );
  });
  await new Promise<void>(done => front.listen(0, "127.0.0.1", done));
  return {
    grpc: `grpcs://${server.grpc}`,
    http: `https://127.0.0.1:${(front.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      front.closeAllConnections();
      front.close();
      await server.close();
    },
  };
}

test("gRPC and HTTP, with TLS towards the server and towards the clients", async () => {
  await using server = await secureServer();
  const out = file("tls.cassette");
  const trust = { ca: pem("root.pem"), serverName: "triton.internal" };
  const listener = { cert: pem("server.pem"), key: pem("server.key") };
  const recording = await record({ grpc: server.grpc, http: server.http, out, tls: { target: trust, listener } });
  for (const url of [`grpcs://127.0.0.1:${recording.ports.grpc}`, `https://127.0.0.1:${recording.ports.http}`]) {
    await using client = await connect(url, { tls: trust });
    const { y } = await client.infer("model", { x: [1, 2] });
    expect([...(y!.data as Float32Array)]).toEqual([2, 4]);
    // Without TLS there is no connection.
    await using plain = await connect(url.replace("s://", "://"));
    await expect(plain.infer("model", { x: [1, 2] })).rejects.toThrow();
  }
  await recording.stop();
  expect((await readCassette(out)).exchanges.map(({ protocol }) => protocol)).toEqual(["grpc", "http"]);
  await expect(
    record({ grpc: server.grpc, out: file("untrusted"), tls: { target: { ca: pem("other.pem") } } }),
  ).rejects.toThrow(/is not trusted/);
});

test("generate and generate_stream are kept, and answered again over either call and over gRPC", async () => {
  const counts = defineModel({
    inputs: { n: "INT64[1]", word: "BYTES[1]" },
    outputs: { i: "INT64[1]", said: "BYTES[1]" },
    decoupled: true,
    *answer({ inputs }) {
      for (let i = 0n; i < inputs.n.data[0]!; i++)
        yield { i: [i + 9007199254740993n], said: [`${inputs.word.data[0]} ${i}`] };
      if (inputs.n.data[0] === 2n) throw new Error("two is too few");
    },
  });
  const pair = defineModel({
    inputs: { x: "FP32[2]" },
    outputs: { y: "FP32[2]", n: "INT32[1]" },
    answer: ({ inputs }) => ({ y: inputs.x.data.map(v => v / 3), n: [7] }),
  });
  const asks = [
    ["counts/generate_stream", '{"n":3,"word":"é"}'],
    ["counts/generate_stream", '{"n":2,"word":"b"}'],
    ["counts/generate", '{"n":1,"word":"c","id":"mine"}'],
    ["pair/generate", '{"x":[1,2],"parameters":{"heat":2}}'],
    ["pair/generate_stream", '{"x":[3,4]}'],
    ["pair/generate", '{"x":[1,2,3]}'],
    ["pair/infer", '{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,9]}]}'],
  ] as const;
  const askAll = (http: string) =>
    Promise.all(
      asks.map(async ([path, body]) => {
        const got = await fetch(`${http}/v2/models/${path}`, { method: "POST", body });
        return [got.status, got.headers.get("content-type"), await got.text()];
      }),
    );
  const out = file("generate.cassette");
  const warnings: string[] = [];
  await using server = await createTestServer({ models: { counts, pair } });
  const recording = await record({ http: server.http, out, warn: text => warnings.push(text) });
  const live = await askAll(`http://127.0.0.1:${recording.ports.http}`);
  await recording.stop();
  expect(live.map(([status]) => status)).toEqual([200, 200, 200, 200, 200, 400, 200]);
  // A request that fits no tensor is not a request of the model's; it is recorded as a call.
  expect(warnings).toEqual([expect.stringMatching(/pair\/generate is kept without its tensors: .*input 'x'/)]);
  await using again = await createTestServer({ cassette: out });
  expect(await askAll(again.http)).toEqual(live);
  await using client = await again.connect();
  const seen: unknown[] = [];
  for await (const { outputs } of client.stream("counts", { n: [3], word: ["é"] }))
    if (outputs.i)
      seen.push([
        (outputs.i as { data: BigInt64Array }).data[0],
        (outputs.said as unknown as { data: string[] }).data[0],
      ]);
  expect(seen).toEqual([0n, 1n, 2n].map(i => [i + 9007199254740993n, `é ${i}`]));
});

test("requests through shared memory are passed on, and it is said that they can't be kept", async () => {
  const server = await startServer(repositoryOfIdentity(), { allowClientShm: true });
  const warnings: string[] = [];
  const out = file("shared.cassette");
  const recording = await record({
    grpc: `grpc://127.0.0.1:${server.ports.grpc}`,
    http: `http://127.0.0.1:${server.ports.http}`,
    out,
    warn: text => warnings.push(text),
  });
  const key = `/merlon-record-${process.pid}`;
  writeFileSync(`/dev/shm${key}`, Buffer.from(Float32Array.of(5, 6).buffer));
  try {
    for (const url of [`grpc://127.0.0.1:${recording.ports.grpc}`, `http://127.0.0.1:${recording.ports.http}`]) {
      await using client = await connect(url);
      await client.systemSharedMemory.register("region", { key, byteSize: 8 });
      const { y } = await client.infer("m", {
        x: { region: "region", byteSize: 8, shape: [2], datatype: "FP32" },
      } as never);
      expect([...(y!.data as Float32Array)]).toEqual([5, 6]);
      await client.systemSharedMemory.unregister("region");
    }
  } finally {
    execFileSync("rm", [`/dev/shm${key}`]);
    await recording.stop();
    await server.stop();
  }
  expect(warnings).toHaveLength(2);
  for (const text of warnings)
    expect(text).toContain(
      "its tensors are in the shared memory region 'region', which does not go through the recorder",
    );
  expect((await readCassette(out)).exchanges).toEqual([]);
});

function repositoryOfIdentity(): string {
  const made = mkdtempSync(join(tmpdir(), "merlon-record-shm-"));
  execFileSync("mkdir", ["-p", join(made, "m", "1")]);
  writeFileSync(
    join(made, "m", "config.pbtxt"),
    `backend: "mock" input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]
     parameters { key: "mock" value { string_value: '{"outputs":{"y":"echo"}}' } }`,
  );
  return made;
}
