/**
 * A client that cancels ends the waiting step of a plan: a read of a feature server or of Redis, the run of another model. No later step
 * begins, and the request counts as cancelled.
 */
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pathInside } from "#contract/files/path-inside.js";
import { type AnyStep, type Plan, printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { encode } from "#triton-protos/proto-root.js";
import { elapse, until } from "../../run/wait.js";
import { startRedis, type TestRedis } from "../stores/feast/redis-server.js";
import { at } from "./served-plan.js";
import { repository, startServer } from "./support.js";

/** Longer than the test: a step that ends in time was cancelled. */
const STORE_TIMEOUT_MS = 60_000;
const registry = fileURLToPath(new URL("../../fixtures/feast/v3/data/registry.db", import.meta.url));
const user = column("user_id", "int64");

const features: AnyStep = {
  id: "slow",
  op: "queryFeast",
  label: "slow",
  params: {
    repository: "f",
    view: "user_features",
    entityColumn: "user_id",
    includeId: false,
    prefix: "",
    onMissing: { default: 0 },
    features: { age: "age" },
    timeoutMs: STORE_TIMEOUT_MS,
  },
  artefacts: { repository: pathInside("features") },
  inputs: { input: [at("request", "user_id")] },
  outputs: [column("age", "int32")],
};
const model = (id: string, name: string, from: string, read: string, made: string): AnyStep => ({
  id,
  op: "predictOnnx",
  label: id,
  params: { path: name, model: name, inputs: { X: read }, outputs: { [made]: "Y" } },
  inputs: { input: [at(from, read)] },
  outputs: [column(made, "int32")],
});
const planOf = (name: string, slow: AnyStep): Plan => ({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name,
  inputs: [user],
  steps: [slow, model("next", "next", "slow", slow.outputs[0]!.name, "y")],
  outputs: [{ ref: at("next", "y"), schema: column("y", "int32") }],
});
const filesOf = (name: string, slow: AnyStep, store?: string): Record<string, string | Buffer> => ({
  [`${name}/config.pbtxt`]: `name: "${name}" backend: "merlon" max_batch_size: 8
    input [ { name: "user_id" data_type: TYPE_INT64 dims: [1] } ] output [ { name: "y" data_type: TYPE_INT32 dims: [1] } ]`,
  [`${name}/1/plan.json`]: printPlan(planOf(name, slow)),
  ...(store && {
    [`${name}/1/features/registry.db`]: readFileSync(registry),
    [`${name}/1/features/feature_store.yaml`]: `project: shop\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\nonline_store:\n${store}\n`,
  }),
});
const javascript = (name: string, type: string): string => `name: "${name}" backend: "javascript" max_batch_size: 8
  input [ { name: "X" data_type: ${type} dims: [1] } ] output [ { name: "Y" data_type: TYPE_INT32 dims: [1] } ]`;

/** A healthy feature server that never responds, or only with the first half. */
const held: ServerResponse[] = [];
let half = false;
let featureServer: Server;
let redis: TestRedis;
let folder: string;
let server: Awaited<ReturnType<typeof startServer>>;
let client: grpc.Client;

beforeAll(async () => {
  featureServer = createServer((request, response) => {
    request.resume();
    if (request.url === "/health") return response.end();
    held.push(response);
    if (half) response.writeHead(200, { "content-length": 1000 }).write('{"metadata":');
    return undefined;
  }).listen(0, "127.0.0.1");
  await once(featureServer, "listening");
  redis = await startRedis();
  const { port } = featureServer.address() as AddressInfo;
  folder = repository([], {
    ...filesOf("by_server", features, `  type: remote\n  path: http://127.0.0.1:${port}`),
    ...filesOf("by_redis", features, `  type: redis\n  connection_string: "127.0.0.1:${redis.port}"`),
    ...filesOf("by_model", model("slow", "slow", "request", "user_id", "x")),
    "slow/config.pbtxt": javascript("slow", "TYPE_INT64"),
    "slow/1/model.mjs": `
      import { writeFileSync } from "node:fs";
      let told = 0;
      export async function execute(requests) {
        const answer = value => requests.map(() => ({ outputs: [{ name: "Y", datatype: "INT32", shape: [1, 1], data: [value] }] }));
        if (requests[0].inputs.X.data[0] === -1n) return answer(told);
        writeFileSync(new URL("../../runs", import.meta.url), "");
        while (!requests[0].isCancelled()) await new Promise(next => setTimeout(next, 5));
        told++;
        return answer(0);
      }`,
    "next/config.pbtxt": javascript("next", "TYPE_INT32"),
    "next/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
  });
  server = await startServer(folder);
  client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, error => (error ? reject(error) : resolve()));
  });
  // From now on there are no responses.
  await redis.client().call("CLIENT", "PAUSE", STORE_TIMEOUT_MS, "ALL");
}, 60_000);
afterAll(async () => {
  // Dependencies are stopped first: a step that was not cancelled would delay the server's end, and Redis would be left behind.
  await redis.stop();
  featureServer.closeAllConnections();
  featureServer.close();
  client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const raw = (bytes: Buffer): Buffer => bytes;
const call = (name: string, options: grpc.CallOptions, done: (code: number) => void): grpc.ClientUnaryCall =>
  client.makeUnaryRequest(
    "/inference.GRPCInferenceService/ModelInfer",
    raw,
    raw,
    Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: name,
        inputs: [{ name: "user_id", datatype: "INT64", shape: [1, 1], contents: { int64_contents: [1] } }],
      }),
    ),
    options,
    error => done(error?.code ?? 0),
  );

/** Ways to give up, each when the step has begun; what the client sees. */
const WAYS = {
  "a deadline": async (name: string) => {
    const code = await new Promise(resolve => call(name, { deadline: Date.now() + 400 }, resolve));
    expect(code).toBe(grpc.status.DEADLINE_EXCEEDED);
  },
  "a cancelled call": async (name: string, begun: () => Promise<void>) => {
    let sent: grpc.ClientUnaryCall | undefined;
    const code = new Promise(resolve => {
      sent = call(name, {}, resolve);
    });
    await begun();
    sent!.cancel();
    expect(await code).toBe(grpc.status.CANCELLED);
  },
  "a client that hangs up": async (name: string, begun: () => Promise<void>) => {
    const abort = new AbortController();
    const body = JSON.stringify({ inputs: [{ name: "user_id", shape: [1, 1], datatype: "INT64", data: [1] }] });
    const asked = fetch(`${server.http}/v2/models/${name}/infer`, { method: "POST", body, signal: abort.signal });
    const refused = expect(asked).rejects.toThrow("aborted");
    await begun();
    abort.abort();
    await refused;
  },
};

interface Statistics {
  readonly execution_count: number;
  readonly inference_stats: { readonly success: { count: number }; readonly fail: { count: number } };
}
const statistics = async (name: string): Promise<Statistics> =>
  ((await server.json(`/v2/models/${name}/stats`)).body as { model_stats: Statistics[] }).model_stats[0]!;
const failures = async (name: string, reason: string): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
  const row = new RegExp(
    `^nv_inference_request_failure\\{model="${name}",reason="${reason}",version="1"\\} (\\d+)$`,
    "m",
  );
  return Number(row.exec(text)![1]);
};
const told = async (): Promise<number> => {
  const { body } = await server.post("/v2/models/slow/infer", {
    inputs: [{ name: "X", shape: [1, 1], datatype: "INT64", data: [-1] }],
  });
  return (body as { outputs: { data: number[] }[] }).outputs[0]!.data[0]!;
};

/** For each waiting step: its start, and the sign that it was cancelled. */
const SLOW: Record<string, () => Promise<{ begun(): Promise<void>; heard(): Promise<void> }>> = {
  by_server: async () => {
    const before = held.length;
    return {
      begun: () => expect.poll(() => held.length, { timeout: 10_000 }).toBe(before + 1),
      heard: () => expect.poll(() => held[before]?.closed, { timeout: 10_000 }).toBe(true),
    };
  },
  by_redis: async () => ({ begun: () => elapse(200), heard: async () => {} }),
  by_model: async () => {
    const before = await told();
    rmSync(join(folder, "runs"), { force: true });
    return {
      begun: () => until("the model runs", () => existsSync(join(folder, "runs"))).then(() => {}),
      // Its one instance answers again only when the run before has ended.
      heard: async () => expect(await told()).toBe(before + 1),
    };
  },
};

describe.each(Object.keys(SLOW))("%s", name => {
  test.each(Object.entries(WAYS))("%s", async (_, giveUp) => {
    const [own, next, cancelled] = [await statistics(name), await statistics("next"), await failures(name, "CANCELED")];
    const { begun, heard } = await SLOW[name]!();
    await giveUp(name, begun);
    await heard();
    await expect.poll(() => failures(name, "CANCELED"), { timeout: 10_000 }).toBe(cancelled + 1);
    const after = await statistics(name);
    expect(after.inference_stats.fail.count).toBe(own.inference_stats.fail.count + 1);
    expect(after.inference_stats.success.count).toBe(own.inference_stats.success.count);
    expect((await statistics("next")).execution_count).toBe(next.execution_count);
  });
});

test("a feature server in the middle of its answer: cancelled, not away", async () => {
  half = true;
  const before = await failures("by_server", "CANCELED");
  const { begun, heard } = await SLOW.by_server!();
  await WAYS["a cancelled call"]("by_server", async () => {
    await begun();
    await elapse(100);
  });
  await heard();
  await expect.poll(() => failures("by_server", "CANCELED"), { timeout: 10_000 }).toBe(before + 1);
  expect(await failures("by_server", "REJECTED")).toBe(0);
});
