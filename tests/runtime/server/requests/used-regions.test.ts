/**
 * Regions that a client unregisters while its request runs, as Triton's L0_shared_memory does: they are there until the answer.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "../support.js";

const TENSOR = "data_type: TYPE_INT32 dims: [ 4 ]";
const files = {
  "slow/config.pbtxt": `backend: "javascript" input [ { name: "X" ${TENSOR} } ] output [ { name: "Y" ${TENSOR} } ]`,
  "slow/1/model.mjs": `import { existsSync, writeFileSync } from "node:fs";
    export async function execute(requests, { folder }) {
      writeFileSync(folder + "/begun", "");
      while (!existsSync(folder + "/go")) await new Promise(next => setTimeout(next, 10));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    }`,
};
const raw = (bytes: Buffer): Buffer => bytes;

test.each(["http", "grpc", "stream"] as const)("a request over %s keeps its regions", async protocol => {
  const keys = ["in", "out"].map(name => `merlon-used-${process.pid}-${protocol}-${name}`);
  const [input, output] = keys.map(key => `/dev/shm/${key}`) as [string, string];
  writeFileSync(input, new Uint8Array(Int32Array.of(1, 2, 3, 4).buffer));
  writeFileSync(output, new Uint8Array(16));
  const folder = repository([], files);
  const server = await startServer(folder, { allowClientShm: true });
  const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  const names = async () =>
    ((await server.json("/v2/systemsharedmemory/status")).body as { name: string }[]).map(({ name }) => name);
  const send = async (): Promise<unknown> => {
    const region = (name: string) => ({ shared_memory_region: name, shared_memory_byte_size: 16 });
    if (protocol === "http")
      return server.post("/v2/models/slow/infer", {
        inputs: [{ name: "X", shape: [4], datatype: "INT32", parameters: region("in") }],
        outputs: [{ name: "Y", parameters: region("out") }],
      });
    const typed = (name: string) => ({
      shared_memory_region: { string_param: name },
      shared_memory_byte_size: { int64_param: "16" },
    });
    const request = {
      model_name: "slow",
      inputs: [{ name: "X", shape: [4], datatype: "INT32", parameters: typed("in") }],
      outputs: [{ name: "Y", parameters: typed("out") }],
    };
    const bytes = Buffer.from(encode("inference.ModelInferRequest", request as never));
    const service = "/inference.GRPCInferenceService";
    return new Promise((resolve, reject) => {
      if (protocol === "grpc") {
        client.makeUnaryRequest(`${service}/ModelInfer`, raw, raw, bytes, error =>
          error ? reject(error) : resolve(0),
        );
        return;
      }
      const call = client.makeBidiStreamRequest(`${service}/ModelStreamInfer`, raw, raw);
      call.on("data", () => {});
      call.on("end", resolve);
      call.on("error", reject);
      call.write(bytes);
      call.end();
    });
  };
  try {
    for (const [i, name] of ["in", "out"].entries())
      await server.post(`/v2/systemsharedmemory/region/${name}/register`, { key: keys[i], offset: 0, byte_size: 16 });
    const answered = send();
    await expect.poll(() => existsSync(`${folder}/slow/1/begun`), { timeout: 10_000 }).toBe(true);
    await server.post("/v2/systemsharedmemory/unregister", {});
    expect(await names()).toEqual(["in", "out"]);
    writeFileSync(`${folder}/slow/1/go`, "");
    await answered;
    expect(await names()).toEqual([]);
    expect([...new Int32Array(Uint8Array.from(readFileSync(output)).buffer)]).toEqual([1, 2, 3, 4]);
  } finally {
    client.close();
    await server.stop();
    for (const file of [input, output]) rmSync(file, { force: true });
  }
});
