/**
 * Large bodies over HTTP are in reused memory. No response may contain bytes of another request, for any form of the body and any
 * disconnecting client.
 */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LARGE } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { BodyMemory } from "#runtime/server/transport/http/body-memory.js";
import { repository, startServer } from "../../support.js";

const config = (name: string, backend: string): string => `name: "${name}" backend: "${backend}"
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]
instance_group [ { kind: KIND_CPU count: 2 } ]`;
const SCRIPT = `export const execute = requests =>
  requests.map(({ inputs }) => ({ outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] }));
`;

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const files = {
    "native/config.pbtxt": config("native", "identity"),
    "native/1/.keep": "",
    "scripted/config.pbtxt": config("scripted", "javascript"),
    "scripted/1/model.mjs": SCRIPT,
  };
  server = await startServer(repository([], files));
});
afterAll(() => server.stop());

test("room for a large body puts the tensors behind its JSON where typed arrays can begin, and takes back what is too small", () => {
  for (const jsonLength of [0, 1, 7, 8, 123, 2 ** 31 + 5]) {
    const memory = new BodyMemory(new MemoryBudget().open(), jsonLength);
    expect(memory.make(LARGE - 1).length).toBe(LARGE - 1);
    expect(memory.borrowed).toBeUndefined();
    const room = memory.make(LARGE);
    expect((room.byteOffset + jsonLength) % 8).toBe(0);
    expect(memory.borrowed!.moves(room.buffer)).toBe(true);
    memory.outgrown(room);
    expect(memory.borrowed!.moves(room.buffer)).toBe(false);
  }
  const memory = new BodyMemory(new MemoryBudget().open());
  expect(memory.makeTensor(8).byteLength).toBe(8);
  expect(memory.borrowed).toBeUndefined();
  expect(memory.makeTensor(LARGE).byteLength).toBeGreaterThanOrEqual(LARGE);
  expect(memory.borrowed).toBeDefined();
});

test.each(["1e999", "Infinity", "-3", "1.5", "x", "9007199254740993", "4294967295"])(
  "a large body whose header declares %s bytes of JSON is refused, and the next is not",
  async length => {
    const url = `${server.http}/v2/models/native/infer`;
    const headers = { "inference-header-content-length": length };
    const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(100_000) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await ask("native", binaryForm(new Int32Array(10_000)), false)).toHaveLength(10_000);
  },
);

interface Form {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function binaryForm(values: Int32Array): Form {
  const data = Buffer.from(values.buffer);
  const json = JSON.stringify({
    inputs: [
      { name: "INPUT0", datatype: "INT32", shape: [values.length], parameters: { binary_data_size: data.length } },
    ],
    parameters: { binary_data_output: true },
  });
  const headers = { "inference-header-content-length": String(json.length) };
  return { headers, body: Buffer.concat([Buffer.from(json), data]) };
}

const jsonForm = (values: Int32Array): Form => ({
  headers: {},
  body: Buffer.from(
    JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "INT32", shape: [values.length], data: [...values] }] }),
  ),
});

function packedForm(values: Int32Array): Form {
  const { headers, body } = binaryForm(values);
  return { headers: { ...headers, "content-encoding": "gzip" }, body: gzipSync(body, { level: 1 }) };
}

/** Sends a body whole, or as a stream of undeclared length. */
async function ask(model: string, { headers, body }: Form, streamed: boolean): Promise<readonly number[]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < body.length; at += 10_000) yield body.subarray(at, at + 10_000);
  }
  const answer = await fetch(`${server.http}/v2/models/${model}/infer`, {
    method: "POST",
    headers: { ...headers, "accept-encoding": "identity" },
    ...(streamed ? { body: pieces() as never, duplex: "half" } : { body: new Uint8Array(body) }),
  } as RequestInit);
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(answer.status, bytes.toString("utf8", 0, 300)).toBe(200);
  const length = answer.headers.get("inference-header-content-length");
  if (length === null) return JSON.parse(bytes.toString()).outputs[0].data;
  return [...new Int32Array(Uint8Array.from(bytes.subarray(Number(length))).buffer)];
}

/** A client that sends all, or a part, and disconnects. */
const leave = (model: string, { headers, body }: Form, part: number, wait: number): Promise<void> =>
  new Promise(resolve => {
    const fields = Object.entries({ ...headers, "content-length": body.length }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const socket = connect(server.ports.http!, "127.0.0.1", () => {
      socket.write(`POST /v2/models/${model}/infer HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
      socket.write(body.subarray(0, part * body.length));
      setTimeout(() => socket.destroy(), wait);
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });

test("responses have the right content, beside clients that disconnect midway", { timeout: 60_000 }, async () => {
  const forms = [binaryForm, jsonForm, packedForm];
  const worker = async (seed: number): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      const size = [2000, 5000, 20_000, 60_000, 100_000][(seed + i) % 5]!;
      const values = Int32Array.from({ length: size }, (_, at) => seed * 1_000_000 + i * 10_000 + (at % 9973));
      const model = (seed + i) % 2 === 0 ? "native" : "scripted";
      const form = forms[(seed * 7 + i) % 3]!(values);
      if (seed === 0) await leave(model, form, i % 3 === 0 ? 0.5 : 1, i % 4);
      else {
        const said = await ask(model, form, i % 2 === 0);
        expect(said.length).toBe(size);
        expect(said.every((value, at) => value === values[at])).toBe(true);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, seed) => worker(seed)));
});
