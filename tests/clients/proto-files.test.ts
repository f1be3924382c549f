/**
 * A client that has nothing but the package's .proto files, as `grpcurl -proto` has: every method by its name, JSON in and out, no reflection.
 */
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../runtime/server/support.js";

const PROTO = fileURLToPath(new URL("../../triton-protos/proto/grpc_service.proto", import.meta.url));
type Method = (request: object, answer: (error: grpc.ServiceError | null, message: object) => void) => void;

let server: Awaited<ReturnType<typeof startServer>>;
let client: grpc.Client & Record<string, Method>;
let methods: string[];
beforeAll(async () => {
  server = await startServer(repository(["echo_int32"]), { modelControlMode: "explicit", loadModels: ["*"] });
  const definitions = await load(PROTO, { keepCase: true, longs: String, enums: String, defaults: false });
  const { inference } = grpc.loadPackageDefinition(definitions) as unknown as {
    inference: { GRPCInferenceService: grpc.ServiceClientConstructor };
  };
  methods = Object.values(inference.GRPCInferenceService.service).map(({ path }) => path.split("/")[2]!);
  client = new inference.GRPCInferenceService(
    `127.0.0.1:${server.ports.grpc}`,
    grpc.credentials.createInsecure(),
  ) as unknown as typeof client;
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const ask = (method: string, request: object = {}): Promise<object> =>
  new Promise(resolve => {
    client[method]!(request, (error, message) => resolve(error ? { code: error.code, text: error.details } : message));
  });

test("the files name the twenty methods", () => {
  expect(methods).toHaveLength(20);
});

test("a method answers messages that print as JSON, or a status with its text", async () => {
  expect(await ask("ServerLive")).toEqual({ live: true });
  expect(await ask("ModelReady", { name: "echo_int32" })).toEqual({ ready: true });
  expect(await ask("ModelReady", { name: "none" })).toEqual({});
  expect(await ask("ModelMetadata", { name: "none" })).toEqual({
    code: 5,
    text: "Request for unknown model: 'none' is not found",
  });
  expect(await ask("ServerMetadata")).toMatchObject({ name: "triton" });
  expect(await ask("ModelConfig", { name: "echo_int32" })).toMatchObject({
    config: { backend: "identity", input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: ["4"] }] },
  });
  expect(await ask("RepositoryIndex")).toEqual({ models: [{ name: "echo_int32", version: "1", state: "READY" }] });
  const asked = { name: "INPUT0", datatype: "INT32", shape: [1, 4], contents: { int_contents: [1, -2, 3, -4] } };
  const answer = (await ask("ModelInfer", { model_name: "echo_int32", id: "7", inputs: [asked] })) as {
    id: string;
    raw_output_contents: [Buffer];
  };
  expect(answer).toMatchObject({ id: "7", outputs: [{ name: "OUTPUT0", datatype: "INT32", shape: ["1", "4"] }] });
  expect([1, -2, 3, -4].map((_, i) => answer.raw_output_contents[0].readInt32LE(4 * i))).toEqual([1, -2, 3, -4]);
  expect(await ask("ModelStatistics", { name: "echo_int32" })).toMatchObject({
    model_stats: [{ inference_count: "1", execution_count: "1" }],
  });
});

test("there is no reflection, as in Triton", async () => {
  const same = (bytes: Buffer): Buffer => bytes;
  const code = await new Promise(resolve => {
    const call = client.makeBidiStreamRequest("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", same, same);
    call.on("error", (error: grpc.ServiceError) => resolve(error.code));
    call.write(Buffer.from([0x3a, 0]));
    call.end();
  });
  expect(code).toBe(grpc.status.UNIMPLEMENTED);
});
