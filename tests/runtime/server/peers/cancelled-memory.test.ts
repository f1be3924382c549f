/**
 * Memory of a request that was forwarded, and that its client cancels: the worker at work leaves it to V8, which counts it at once.
 */
import { expect, onTestFinished, test } from "vitest";
import { bufferPool, uncountedBuffers } from "#runtime/base/memory/buffer-pool.js";
import { grpcClient } from "../../../reliability/support.js";
import { repository } from "../support.js";
import { startForwarding } from "./linked.js";

// A model whose answers a cache keeps does not move its inputs to its thread.
const LATE = {
  "late/config.pbtxt": `name: "late" backend: "javascript" response_cache { enable: true }
    input [ { name: "X" data_type: TYPE_UINT8 dims: [-1] } ] output [ { name: "Y" data_type: TYPE_UINT8 dims: [-1] } ]`,
  "late/1/model.mjs": `export const execute = async requests => {
      await new Promise(done => setTimeout(done, 500));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    };`,
};

test("V8 counts the memory of a forwarded request again, once its client has left", async () => {
  const port = { port: 0, address: "127.0.0.1" };
  const modelRepositories = [repository([], LATE)];
  const servers = await startForwarding({
    modelRepositories,
    http: port,
    grpc: port,
    metrics: false,
    cacheSize: 2 ** 25,
  });
  onTestFinished(() => servers.stop());
  // Buffers in use are subtracted from V8's count, also where V8 does not allow it.
  uncountedBuffers.use(() => {});
  const rpc = grpcClient(servers.front.ports.grpc!);
  onTestFinished(() => rpc.close());
  const inUse = () => uncountedBuffers.bytes - bufferPool.idle;
  const { answered, cancel } = rpc.beginInfer({
    model_name: "late",
    inputs: [{ name: "X", datatype: "UINT8", shape: [2 ** 20] }],
    raw_input_contents: [Buffer.alloc(2 ** 20)],
  });
  // The memory of both workers.
  await expect.poll(inUse).toBeGreaterThanOrEqual(2 ** 21);
  cancel();
  expect(await answered).toMatchObject({ code: 1 });
  await expect.poll(inUse, { timeout: 4000 }).toBe(0);
});
