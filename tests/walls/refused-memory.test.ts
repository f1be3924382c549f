/**
 * The memory of refused requests is used again. V8 would collect the whole heap after each 64 MB of such garbage, in threads that compete
 * with those of other requests.
 */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CallOptions, call, field, inferRequest, tensor } from "./support/grpc-call.js";
import { startMetered } from "./support/meter.js";

const MIB = 2 ** 20;
const TIMES = 100;
/** V8 collects for reasons of its own, too. Without the pool there were 33 to 216. */
const FEW = 10;

let server: Awaited<ReturnType<typeof startMetered>>;
beforeAll(async () => {
  server = await startMetered({ models: ["echo_int32"] });
});
afterAll(() => server.stop());

const large = field(7, Buffer.alloc(8 * MIB));
/** Some 2 MB, which may unpack to 32. */
const bomb = gzipSync(
  Buffer.concat(Array.from({ length: 2 ** 20 }, (_, i) => Buffer.alloc(64, (i * 2654435761) >>> 24))),
);
const otherSize = inferRequest("echo_int32", [tensor("INT32", [1, 4])], [large]);
const noMessage = Buffer.concat([large, Buffer.from([0])]);
const cutJson = `{"inputs":[{"name":"INPUT0","data":[${"1,".repeat(MIB)}`;

const overHttp = async (body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
  (await server.post("/v2/models/echo_int32/infer", body, headers)).status;
const overGrpc = async (message: Buffer, options: CallOptions = {}): Promise<number> =>
  (await call(server.ports.grpc, message, options)).code;

test.each([
  ["a gzip bomb over HTTP", 400, () => overHttp(bomb, { "Content-Encoding": "gzip" })],
  ["JSON that ends early", 500, () => overHttp(cutJson)],
  ["a gzip bomb over gRPC", 8, () => overGrpc(bomb, { encoding: "gzip" })],
  ["a tensor of another size", 3, () => overGrpc(otherSize)],
  ["a message that is none", 13, () => overGrpc(noMessage)],
] as const)("%s, a hundred times, causes few full collections", async (_, expected, send) => {
  // Memory is taken from the system once.
  await send();
  const answers = new Set<number>();
  const cost = await server.measure(async () => {
    for (let i = 0; i < TIMES; i++) answers.add(await send());
  });
  expect([...answers]).toEqual([expected]);
  expect(cost.collections).toBeLessThanOrEqual(FEW);
});
