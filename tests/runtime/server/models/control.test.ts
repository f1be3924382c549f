/**
 * Explicit control: load and unload, auto-completion, versions, and the resulting readiness, metrics and index.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { grpcCall } from "../../../conformance/repository/calls.js";
import { grpcClient } from "../../../reliability/support.js";
import { repository, startServer } from "../support.js";

const onnx = readFileSync(new URL("../../../conformance/data/protocol/models/calc_fp32/1/model.onnx", import.meta.url));

test("models load and unload on request", async () => {
  const server = await startServer(repository(["echo_int32", "vers_specific"]), { modelControlMode: "explicit" });
  try {
    expect((await server.post("/v2/repository/index", {})).body).toEqual([
      { name: "echo_int32" },
      { name: "vers_specific" },
    ]);
    expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200);
    expect(await server.post("/v2/repository/models/vers_specific/load", {})).toEqual({ status: 200, body: "" });
    expect((await server.json("/v2/models/vers_specific")).body).toMatchObject({ versions: ["1", "3"] });
    const metrics = () => fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`).then(response => response.text());
    expect(await metrics()).toContain('nv_inference_request_success{model="vers_specific",version="3"} 0');
    await server.post("/v2/repository/models/vers_specific/unload", {});
    expect(await server.json("/v2/models/vers_specific")).toEqual({
      status: 404,
      body: { error: "Request for unknown model: 'vers_specific' has no available versions" },
    });
    expect(await metrics()).not.toContain('nv_inference_request_success{model="vers_specific"');
    expect(await metrics()).toContain(
      'nv_inference_request_failure{model="vers_specific",reason="OTHER",version="3"} 0',
    );
    expect((await server.post("/v2/repository/models/nosuch/load", {})).body).toEqual({
      error: "failed to load 'nosuch', failed to poll from model repository",
    });
    for (const name of ["..%2fx", "a..b"])
      expect((await server.post(`/v2/repository/models/${name}/load`, {})).status).toBeGreaterThanOrEqual(400);
  } finally {
    await server.stop();
  }
});

test("a folder with only an ONNX file is completed from its graph", async () => {
  const server = await startServer(repository([], { "bare/1/model.onnx": onnx }));
  try {
    const { body } = await server.json("/v2/models/bare/config");
    expect(body).toMatchObject({
      name: "bare",
      platform: "onnxruntime_onnx",
      backend: "onnxruntime",
      max_batch_size: 4,
      dynamic_batching: { preferred_batch_size: [4] },
      instance_group: [{ name: "bare", kind: "KIND_CPU", count: 2 }],
      default_model_filename: "model.onnx",
    });
    expect((await server.json("/v2/models/bare")).body).toMatchObject({
      // Triton lists what it completed in the reverse order of the graph.
      inputs: [
        { name: "RIGHT", datatype: "FP32", shape: [-1, 4] },
        { name: "LEFT", datatype: "FP32", shape: [-1, 4] },
      ],
    });
  } finally {
    await server.stop();
  }
});

test("a reload that fails leaves the running version serving", async () => {
  const folder = repository(["echo_int32"]);
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["echo_int32"] });
  try {
    const config = join(folder, "echo_int32/config.pbtxt");
    const good = readFileSync(config);
    writeFileSync(`${config}.new`, 'name: "echo_int32"\nbackend: "nothing"\n');
    renameSync(`${config}.new`, config);
    expect((await server.post("/v2/repository/models/echo_int32/load", {})).status).toBe(400);
    const request = { inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }] };
    expect((await server.post("/v2/models/echo_int32/infer", request)).status).toBe(200);
    writeFileSync(config, good);
    expect((await server.post("/v2/repository/models/echo_int32/load", {})).status).toBe(200);
    expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200);
  } finally {
    await server.stop();
  }
});

test("an unload of a member waits for the ensemble that loads it, and takes both down, as in Triton's L0_lifecycle", async () => {
  const tensors = (input: string, output: string): string =>
    `input [ { name: "${input}" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "${output}" data_type: TYPE_INT32 dims: [1] } ]`;
  const ensemble = `platform: "ensemble" ${tensors("A", "B")} ensemble_scheduling { step [
    { model_name: "member" model_version: -1 input_map { key: "X" value: "A" } output_map { key: "Y" value: "B" } } ] }`;
  const folder = repository([], {
    "member/config.pbtxt": `backend: "javascript" ${tensors("X", "Y")}`,
    "member/1/model.mjs": `import { existsSync, writeFileSync } from "node:fs";
      export async function initialize({ folder }) {
        writeFileSync(folder + "/begun", "");
        while (!existsSync(folder + "/go")) await new Promise(next => setTimeout(next, 10));
      }
      export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
    ...{ "one/config.pbtxt": ensemble, "one/1/.keep": "", "two/config.pbtxt": ensemble, "two/1/.keep": "" },
  });
  const server = await startServer(folder, { modelControlMode: "explicit" });
  const change = async (model: string, action: "load" | "unload", body = {}) =>
    (await server.post(`/v2/repository/models/${model}/${action}`, body)).status;
  const states = async () =>
    ((await server.post("/v2/repository/index", {})).body as { name: string; state?: string }[]).map(
      ({ name, state }) => [name, state],
    );
  const begun = () => existsSync(join(folder, "member/1/begun"));
  try {
    const loaded = change("one", "load");
    await expect.poll(begun, { timeout: 10_000 }).toBe(true);
    const unloaded = change("member", "unload");
    writeFileSync(join(folder, "member/1/go"), "");
    expect([await loaded, await unloaded]).toEqual([200, 200]);
    expect(await states()).toEqual([
      ["member", "UNAVAILABLE"],
      ["one", "UNAVAILABLE"],
      ["two", undefined],
    ]);
    // A member that another ensemble is loading is not unloaded with the first one's dependents.
    expect(await change("one", "load")).toBe(200);
    const both = [change("two", "load"), change("one", "unload", { parameters: { unload_dependents: true } })];
    expect(await Promise.all(both)).toEqual([200, 200]);
    expect(await states()).toEqual([
      ["member", "READY"],
      ["one", "UNAVAILABLE"],
      ["two", "READY"],
    ]);
  } finally {
    await server.stop();
  }
});

test("a model that is absent or unloaded is not ready, and the request is not an error, as in Triton's releases", async () => {
  const server = await startServer(repository(["echo_int32"]), {
    modelControlMode: "explicit",
    loadModels: ["echo_int32"],
  });
  const grpc = (name: string, version = "") =>
    grpcCall(server.ports.grpc!, "ModelReady", { name, version }, text => text);
  const http = (path: string) => server.json(`/v2/models/${path}/ready`);
  // Protobuf leaves out `ready: false`.
  const notReady = { status: 400, body: { error: "Model version not ready" } };
  try {
    expect(await grpc("echo_int32")).toEqual({ code: "OK", response: { ready: true } });
    expect(await grpc("none")).toEqual({ code: "OK", response: {} });
    expect(await grpc("echo_int32", "9")).toEqual({ code: "OK", response: {} });
    expect(await grpc("echo_int32", "latest")).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await http("none")).toMatchObject(notReady);
    await server.post("/v2/repository/models/echo_int32/unload", {});
    expect(await grpc("echo_int32")).toEqual({ code: "OK", response: {} });
    expect(await http("echo_int32")).toMatchObject(notReady);
    expect(await http("echo_int32/versions/1")).toMatchObject(notReady);
  } finally {
    await server.stop();
  }
});

/** Statuses and texts of Triton 2.73, which checks the parameters of a load before its mode. */
test.each(["none", "poll", "explicit"] as const)(
  "faulty load parameters by gRPC, in mode %s",
  async modelControlMode => {
    const server = await startServer(repository(["echo_int32"]), { modelControlMode });
    const rpc = grpcClient(server.ports.grpc!);
    const load = (name: string, parameters: object) =>
      rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", { model_name: name, parameters });
    const [text, bytes] = [{ string_param: "x" }, { bytes_param: new Uint8Array(1) }];
    for (const name of ["echo_int32", "", "../x"])
      expect(await load(name, { foo: text })).toEqual({ code: 3, message: "unrecognized load parameter 'foo'." });
    expect(await load("echo_int32", { config: bytes })).toEqual({
      code: 3,
      message: "invalid value type for load parameter 'config', expected string_param.",
    });
    expect(await load("echo_int32", { "file:1/x": text })).toEqual({
      code: 3,
      message: "invalid value type for load parameter 'file:1/x', expected bytes_param.",
    });
    if (modelControlMode !== "explicit")
      expect(await load("echo_int32", { config: text, "file:1/x": bytes })).toEqual({
        code: 14,
        message: "explicit model load / unload is not allowed if polling is enabled",
      });
    rpc.close();
    await server.stop();
  },
);
