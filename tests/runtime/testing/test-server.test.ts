/**
 * `createTestServer`: from models, a plan and a repository. Models and stages are replaced, with fakes and the clock. Its start is fast,
 * and it leaves nothing behind.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { grpcClient, sendGrpc } from "#conformance/send-grpc.js";
import { createTestServer, defineModel, fakeFaiss, fakeFeast } from "#runtime/testing/index.js";
import { builtUrl } from "../../needs/built.js";
import { recommend } from "../server/served-plan.js";

const MODEL_REPO = fileURLToPath(new URL("../../../model-repo", import.meta.url));

const double = defineModel({
  inputs: { x: "FP32[-1]" },
  outputs: { y: "FP32[-1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data.map(value => 2 * value) }),
});
const asks = async (http: string, model: string, name: string, data: readonly number[], datatype = "FP32") => {
  const body = JSON.stringify({ inputs: [{ name, shape: [data.length], datatype, data }] });
  const response = await fetch(`${http}/v2/models/${model}/infer`, { method: "POST", body });
  return (await response.json()) as { outputs?: { data: number[] }[]; error?: string };
};

describe("models written in the test", () => {
  test("answer by their function, over the wire and in process", async () => {
    await using server = await createTestServer({ models: { double } });
    expect((await asks(server.http, "double", "x", [1, 2])).outputs![0]!.data).toEqual([2, 4]);
    expect((await server.infer("double", { x: [3] })).y!.data).toEqual(Float32Array.of(6));
    expect(server.model("double").requests.map(({ inputs }) => [...inputs.x.data])).toEqual([[1, 2], [3]]);
  });

  test("can be replaced while the server runs, and are themselves again after `restore`", async () => {
    await using server = await createTestServer({ models: { double } });
    const model = server.model("double");
    model.replace(({ inputs }) => ({ y: inputs.x.data.map(() => 7) }));
    expect((await asks(server.http, "double", "x", [1])).outputs![0]!.data).toEqual([7]);
    model.replace(() => {
      throw new Error("out of order");
    });
    expect((await asks(server.http, "double", "x", [1])).error).toBe("out of order");
    model.restore();
    expect((await asks(server.http, "double", "x", [1])).outputs![0]!.data).toEqual([2]);
    // @ts-expect-error there is no such model
    expect(() => server.model("triple")).toThrow("there is no model 'triple'; there are 'double'");
  });

  test("that are written wrong are reported with model and tensor, and nothing stays behind", async () => {
    const before = readdirSync(tmpdir());
    const wrong = defineModel({ inputs: { x: "FP32[-1]" }, outputs: { y: "FP32[a]" } });
    await expect(createTestServer({ models: { wrong } })).rejects.toThrow(
      `tensor 'y' of model 'wrong' is "FP32[a]"; write a datatype`,
    );
    const bad = defineModel({
      inputs: { x: "FP32[-1]" },
      outputs: { y: "FP32[-1]" },
      config: {
        max_batch_size: 2,
        instance_group: [{ count: -1, kind: "KIND_GPU", gpus: [7] }],
        model_warmup: [{ name: "w", batch_size: 3, inputs: {} }],
      },
    });
    await expect(createTestServer({ models: { bad } })).rejects.toThrow(/failed to load all models:\n {2}.*'bad'/);
    expect(readdirSync(tmpdir()).filter(name => !before.includes(name) && name.startsWith("merlon-test-"))).toEqual([]);
  });
});

describe("a compiled repository", () => {
  const ask = { user_id: [[512300022n], [512300042n]] };

  test("answers, and so does one whose ranking is a function of the columns before it", async () => {
    await using server = await createTestServer(MODEL_REPO);
    const real = await server.infer("recommend", ask);
    const stage = server.stage<
      { item_id: BigInt64Array; user_id: BigInt64Array },
      { "purchase/binary_output": number[] }
    >("ranking");
    const seen: bigint[] = [];
    stage.replace(({ item_id }) => {
      seen.push(...item_id);
      return { "purchase/binary_output": Array.from(item_id, id => (id % 2n === 0n ? 30 : -30)) };
    });
    const changed = await server.infer("recommend", ask);
    // Raw ids, as the first step of `ranking` reads them, and not the workflow's.
    expect(seen.every(id => id > 1000n)).toBe(true);
    expect([...(changed.ordered_ids!.data as BigInt64Array)].every(id => id % 2n === 0n)).toBe(true);
    stage.restore();
    const seeded = { parameters: { seed: 5 } };
    expect((await server.infer("recommend", ask, seeded)).ordered_ids).toEqual(
      (await server.infer("recommend", ask, seeded)).ordered_ids,
    );
    expect(real.ordered_ids!.shape[0]).toBe(2);
  });

  test("names the stages that exist, and the mistakes of a replacement", async () => {
    await using server = await createTestServer(MODEL_REPO);
    expect(() => server.stage("rank").replace(() => ({}))).toThrow(
      "there is no stage `rank`; there are `user`, `query`, `retrieval`, `filtering`, `items`, `pairs`, `ranking`, `ordering`",
    );
    expect(() => server.stage("rank").fail({ error: {} })).toThrow("there is no stage `rank`; there are `user`,");
    server.stage("ranking").replace(() => ({ score: [1] }));
    await expect(server.infer("recommend", ask)).rejects.toThrow(
      "step `ranking.predictOnnx` (predictOnnx): the replacement makes no column `score`; it makes float32 purchase/binary_output",
    );
    server.stage("ranking").replace(() => ({ "purchase/binary_output": [1] }));
    await expect(server.infer("recommend", ask)).rejects.toThrow(
      /column `purchase\/binary_output` has 1 values for \d+ rows/,
    );
    server.stage("retrieval").replace(() => ({ candidate_ids: [[1n]] }));
    await expect(server.infer("recommend", ask)).rejects.toThrow(
      "makes rows, so column `candidate_ids` is one list for each of 2 rows; it got 1 entries",
    );
    server.stage("retrieval").restore();
    server
      .stage("ranking")
      .replace(({ item_id }) => ({ "purchase/binary_output": Array.from(item_id as never, () => "high") }));
    await expect(server.infer("recommend", ask)).rejects.toThrow(/can't hold "high" at place 0/);
    // All of them fail the test, unless it says that it has seen them.
    expect(() => server.reset()).toThrow(
      /^\d doubles answered what the real one cannot:\n {2}the double of stage `ranking`/,
    );
  });
});

describe("a plan without its artefacts", () => {
  const stages = {
    user: fakeFeast({ 7: { age: 31, big: 12n, weights: [0.5] } }),
    retrieval: fakeFaiss({ vectors: { 11: [1, 0, 0, 0], 12: [0, 1, 0, 0], 13: [0, 0, 1, 0] } }),
  };
  const query = { user_id: [7n], query: [[3, 2, 1, 0]] };

  test("runs with fakes of Feast and FAISS, and a function that ranks", async () => {
    await using server = await createTestServer(
      { plan: recommend("greedy") },
      {
        stages: {
          ...stages,
          ranking: ({ filtered_ids, user_age }) => ({
            score: Array.from(filtered_ids as BigInt64Array, (id, i) => Number(id) + Number(user_age![i])),
          }),
        },
      },
    );
    const { ordered_ids__values, age } = await server.infer("recommend", query);
    // 12 was bought; 13 scores above 11.
    expect(ordered_ids__values!.data).toEqual(BigInt64Array.of(13n, 11n));
    expect(age!.data).toEqual(Int32Array.of(31));
    // Whom the fake store does not know has the stage's default.
    expect((await server.infer("recommend", { ...query, user_id: [8n] })).age!.data).toEqual(Int32Array.of(0));
  });

  test("does not start where a stage that is left as it is misses its own", async () => {
    await expect(createTestServer({ plan: recommend("greedy") }, { stages })).rejects.toThrow(
      /failed to load 'recommend' version 1: .*rank/,
    );
  });
});

test("recorded requests have the client's headers, without its secrets", async () => {
  await using server = await createTestServer({ models: { double } });
  const body = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] });
  const headers = { "X-Tenant": "shop", Authorization: "Bearer abc", "Content-Type": "application/json" };
  await fetch(`${server.http}/v2/models/double/infer`, { method: "POST", body, headers });
  const client = grpcClient(server.grpc);
  const metadata = {
    "x-tenant": "shop",
    "x-api-key": "abc",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  };
  const request = {
    model_name: "double",
    inputs: [{ name: "x", datatype: "FP32", shape: ["1"] }],
    raw_input_contents: [Buffer.from(Float32Array.of(1).buffer).toString("base64")],
  };
  await sendGrpc(client, { rpc: "ModelInfer", request, metadata: Object.entries(metadata) } as never);
  await sendGrpc(client, { rpc: "ModelStreamInfer", requests: [request], metadata: Object.entries(metadata) } as never);
  client.close();
  await server.infer("double", { x: [1] });
  const [http, grpc, stream, inProcess] = server.model("double").requests.map(one => one.headers);
  // Senders add their own: a deadline shows.
  expect(http).toEqual({ "x-tenant": "shop", authorization: "<masked>", "sec-fetch-mode": "cors" });
  const called = { ...metadata, "x-api-key": "<masked>", "grpc-timeout": expect.stringMatching(/^\d+[mu]$/) };
  expect([grpc, stream]).toEqual([called, called]);
  expect(inProcess).toEqual({});
});

test("a process ends by itself once its servers are closed, and leaves no file", async () => {
  const script = `
    import { createTestServer, defineModel } from ${JSON.stringify(builtUrl("runtime/testing/index.js"))};
    const echo = defineModel({ inputs: { x: "FP32[1]" }, outputs: { y: "FP32[1]" }, mock: { outputs: { y: "echo" }, delayMs: 1 } });
    for (let i = 0; i < 3; i++) {
      const server = await createTestServer({ models: { echo } });
      await (await fetch(server.http + "/v2/models/echo")).json();
      await server.infer("echo", { x: 1 });
      await server.close();
      await server.close();
    }`;
  const folder = mkdtempSync(join(tmpdir(), "empty-"));
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 20_000,
    env: { ...process.env, TMPDIR: folder },
  });
  expect(readdirSync(folder)).toEqual([]);
});
