// The memory of a call that continues when its client has left: V8 counts it again as soon as the call has ended.
import { expect, test } from "vitest";
import { bufferPool, uncountedBuffers } from "#runtime/base/memory/buffer-pool.js";
import { encode } from "#triton-protos/proto-root.js";
import { grpcClient } from "../../../reliability/support.js";
import { repository, startServer } from "../support.js";

const config = JSON.stringify({
  ...{ backend: "javascript", instance_group: [{ count: 1, kind: "KIND_CPU" }] },
  input: [{ name: "X", data_type: "TYPE_INT32", dims: [1] }],
  output: [{ name: "Y", data_type: "TYPE_INT32", dims: [1] }],
});
const code = `await new Promise(done => setTimeout(done, 700));
export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
// ${"x".repeat(2 ** 21)}`;

test("a model that is loaded from the bytes of a request", { timeout: 30_000 }, async () => {
  const server = await startServer(repository([], {}), { modelControlMode: "explicit", allowModelCodeUpload: true });
  const rpc = grpcClient(server.ports.grpc!);
  try {
    uncountedBuffers.use(() => {});
    const load = encode("inference.RepositoryModelLoadRequest", {
      model_name: "slow",
      parameters: { config: { string_param: config }, "file:1/model.mjs": { bytes_param: Buffer.from(code) } },
    });
    const inUse = () => uncountedBuffers.bytes - bufferPool.idle;
    const { answered, cancel } = rpc.begin("/inference.GRPCInferenceService/RepositoryModelLoad", load);
    await expect.poll(inUse, { timeout: 10_000 }).toBeGreaterThanOrEqual(2 ** 21);
    cancel();
    expect(await answered).toMatchObject({ code: 1 });
    const ready = async () => (await fetch(`${server.http}/v2/models/slow/ready`)).status;
    await expect.poll(ready, { timeout: 20_000 }).toBe(200);
    await expect.poll(inUse, { timeout: 3000 }).toBe(0);
  } finally {
    rpc.close();
    await server.stop();
  }
});
