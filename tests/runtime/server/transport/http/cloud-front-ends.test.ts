/**
 * Triton's front ends for Vertex AI and SageMaker: its own routes behind the clouds' two, and how flags and the clouds' environment start them. The
 * scenarios are those of Triton's suites L0_vertex_ai and L0_sagemaker (single model).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { repository, startServer } from "../../support.js";

const pair = (name: string, dims: string): string =>
  `input { name: "${name}0" data_type: TYPE_INT32 dims: [ ${dims} ] } input { name: "${name}1" data_type: TYPE_INT32 dims: [ ${dims} ] }`;
const identity = `backend: "identity" max_batch_size: 8 ${pair("INPUT", "4")} ${pair("OUTPUT", "4").replaceAll("input", "output")}`;
/** Fails with JavaScript's text. */
const FAILS = `export const execute = () => { throw new Error("no luck"); };`;
const failing = `backend: "javascript" max_batch_size: 8 input { name: "INPUT0" data_type: TYPE_INT32 dims: [ 4 ] } output { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 4 ] }`;
const files = {
  "one/1/x": "",
  "one/config.pbtxt": identity,
  "two/1/x": "",
  "two/config.pbtxt": identity,
  "bad/1/model.mjs": FAILS,
  "bad/config.pbtxt": failing,
};
const at = { address: "127.0.0.1", port: 0 };
const routes = { predictRoute: "/predict", healthRoute: "/health" };
const maker = { ...at, pingMode: "ready", inferenceType: "infer" as const };

let server: Awaited<ReturnType<typeof startServer>>;
let failures: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const root = repository([], files);
  const http = { httpRestrictedApis: ["model-repository:key=secret"] };
  server = await startServer(root, {
    vertexAi: { ...at, ...routes, model: "one" },
    sageMaker: { ...maker, model: "two" },
    ...http,
  });
  failures = await startServer(root, { sageMaker: { ...maker, model: "bad" } });
});
afterAll(async () => {
  await server.stop();
  await failures.stop();
});

const tensor = (name: string) => ({ name, datatype: "INT32", shape: [1, 4], data: [1, 2, 3, 4] });
const plain = { inputs: [tensor("INPUT0"), tensor("INPUT1")] };
/** The first input binary, and one output as `binary` says. */
function mixed(binary: boolean): { readonly body: Uint8Array<ArrayBuffer>; readonly length: number } {
  const { data, ...rest } = tensor("INPUT0");
  const json = JSON.stringify({
    inputs: [{ ...rest, parameters: { binary_data_size: 16 } }, tensor("INPUT1")],
    outputs: [{ name: "OUTPUT0", parameters: { binary_data: binary } }],
  });
  const bytes = Buffer.concat([Buffer.from(json), Buffer.from(Int32Array.from(data).buffer)]);
  return { body: Uint8Array.from(bytes), length: json.length };
}
const post = (port: number | undefined, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    body: body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
    headers,
  });
const redirect = (to: string, body: unknown = "") =>
  post(server.ports.vertexAi, "/predict", body, { "X-Vertex-Ai-Triton-Redirect": to });
const VERTEX = "application/vnd.vertex-ai-triton.binary+json;json-header-size=";
const SAGEMAKER = "application/vnd.sagemaker-triton.binary+json;json-header-size=";

test("Vertex AI: health and predictions have the routes that were given, and every other path is 400", async () => {
  const url = `http://127.0.0.1:${server.ports.vertexAi}`;
  expect(server.log.join("")).toContain(`Started Vertex AI HTTPService at 127.0.0.1:${server.ports.vertexAi}`);
  // A verbose log has each request.
  await server.post("/v2/logging", { log_verbose_level: 1 });
  const from = server.log.length;
  await fetch(`http://127.0.0.1:${server.ports.vertexAi}/health`);
  await server.post("/v2/logging", { log_verbose_level: 0 });
  expect(server.log.slice(from).join("")).toMatch(/Vertex AI request: \S+ \/health/);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  expect((await post(server.ports.vertexAi, "/health", "")).status).toBe(405);
  const answer = await post(server.ports.vertexAi, "/predict", plain);
  expect(await answer.json()).toMatchObject({ model_name: "one", outputs: [{ data: [1, 2, 3, 4] }, {}] });
  expect((await fetch(`${url}/predict`)).status).toBe(405);
  for (const path of ["/", "/v2", "/v2/health/ready", "/predict/", "/v2/models/one/infer"])
    expect((await post(server.ports.vertexAi, path, plain)).status, path).toBe(400);
});

test("Vertex AI: the content type has the length of the JSON, and a binary answer Triton's own header", async () => {
  const { body, length } = mixed(true);
  const answer = await post(server.ports.vertexAi, "/predict", body, { "Content-Type": `${VERTEX}${length}` });
  expect(answer.status).toBe(200);
  const header = Number(answer.headers.get("inference-header-content-length"));
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect([...new Int32Array(Uint8Array.from(bytes.subarray(header)).buffer)]).toEqual([1, 2, 3, 4]);
  const refusals = {
    [`additional-string/${VERTEX}${length}`]: `expect MIME type for binary data starts with '${VERTEX}', got: additional-string/${VERTEX}${length}`,
    [`${VERTEX}additional-string${length}`]: `Unable to parse inference header size, got: additional-string${length}`,
    [VERTEX]: "Unable to parse inference header size, got: ",
    [`${VERTEX}2147483648`]: "Unable to parse inference header size, value is out of range, got: 2147483648",
    [`${VERTEX}-99999999999`]: "Unable to parse inference header size, value is out of range, got: -99999999999",
    [`${VERTEX}-123`]: `inference header size should be in range (0, ${body.length}), got: -123`,
    [`${VERTEX}12345`]: `inference header size should be in range (0, ${body.length}), got: 12345`,
  };
  for (const [type, text] of Object.entries(refusals)) {
    const refused = await post(server.ports.vertexAi, "/predict", body, { "Content-Type": type });
    expect(refused.status, type).toBe(400);
    expect(((await refused.json()) as { error: string }).error).toContain(text);
  }
  // Nothing is unpacked there.
  const packed = await post(server.ports.vertexAi, "/predict", plain, { "Content-Encoding": "gzip" });
  expect(packed.status).toBe(200);
});

test("Vertex AI: a header redirects a POST to Triton's own routes, but for some", async () => {
  expect(await (await redirect("metrics")).text()).toContain("nv_inference_request_success");
  expect(await (await redirect("v2/models/stats")).json()).toMatchObject({ model_stats: [{}, {}, {}] });
  expect(await (await redirect("v2/models/two/stats")).json()).toMatchObject({ model_stats: [{ name: "two" }] });
  expect(await (await redirect("v2")).json()).toMatchObject({ name: "triton" });
  expect(await (await redirect("v2/models/two")).json()).toMatchObject({ name: "two" });
  expect(await (await redirect("v2/models/two/config")).json()).toMatchObject({ name: "two", backend: "identity" });
  expect(await (await redirect("v2/models/two/versions/1/infer", plain)).json()).toMatchObject({ model_name: "two" });
  for (const path of ["v2/health/live", "v2/health/ready", "v2/models/two/ready", "v2/systemsharedmemory/status"])
    expect((await redirect(path)).status, path).toBe(200);
  expect((await redirect("v2/models/none/ready")).status).toBe(400);
  // Redirections cannot change the server.
  for (const path of [
    ...["v2/repository/models/two/load", "v2/repository/models/two/unload", "v2/repository/r/models/two/load"],
    ...["v2/systemsharedmemory/region/r/register", "v2/systemsharedmemory/unregister"],
    ...["v2/cudasharedmemory/region/r/register", "v2/cudasharedmemory/region/r/unregister"],
  ]) {
    const refused = await redirect(path);
    expect([path, refused.status, await refused.text()]).toEqual([path, 403, ""]);
  }
  expect(await (await redirect("v2/repository/index")).json()).toEqual({
    error: "This API is restricted, expecting header 'key'",
  });
  for (const path of ["", "v2/logging", "v2/trace/setting", "v2/models/two/generate", "/v2", "nothing"])
    expect((await redirect(path)).status, path).toBe(400);
  const get = await fetch(`http://127.0.0.1:${server.ports.vertexAi}/predict`, {
    headers: { "X-Vertex-Ai-Triton-Redirect": "v2" },
  });
  expect(get.status).toBe(405);
});

test("Vertex AI: a redirection shows no metrics of a port that has an address of its own", async () => {
  const own = await startServer(repository(["echo_int32"]), {
    vertexAi: { ...at, ...routes, model: "echo_int32" },
    metrics: { address: "127.0.0.2", port: 0 },
  });
  try {
    const headers = { "X-Vertex-Ai-Triton-Redirect": "metrics" };
    const hidden = await post(own.ports.vertexAi, "/predict", "", headers);
    expect([hidden.status, await hidden.text()]).toEqual([403, ""]);
  } finally {
    await own.stop();
  }
});

test("SageMaker: ping and invocations; a binary answer says so in its content type", async () => {
  const url = `http://127.0.0.1:${server.ports.sageMaker}`;
  expect(server.log.join("")).toContain(`Started Sagemaker HTTPService at 127.0.0.1:${server.ports.sageMaker}`);
  expect((await fetch(`${url}/ping`)).status).toBe(200);
  expect(await (await post(server.ports.sageMaker, "/invocations", plain)).json()).toMatchObject({ model_name: "two" });
  const { body, length } = mixed(true);
  const answer = await post(server.ports.sageMaker, "/invocations", body, { "Content-Type": `${SAGEMAKER}${length}` });
  const type = answer.headers.get("content-type")!;
  expect(type).toContain(SAGEMAKER);
  expect(answer.headers.get("inference-header-content-length")).toBeNull();
  const bytes = Buffer.from(await answer.arrayBuffer()).subarray(Number(type.slice(SAGEMAKER.length)));
  expect([...new Int32Array(Uint8Array.from(bytes).buffer)]).toEqual([1, 2, 3, 4]);
  expect((await post(server.ports.sageMaker, "/v2", plain)).status).toBe(400);
  expect((await fetch(`${url}/models`)).status).toBe(403);
  expect((await fetch(`${url}/models`, { headers: { key: "secret" } })).status).toBe(501);
});

test("SageMaker: a fault of the model is 400, where Triton's own port has 500", async () => {
  const asked = { inputs: [tensor("INPUT0")] };
  expect((await post(failures.ports.sageMaker, "/invocations", asked)).status).toBe(400);
  expect((await failures.post("/v2/models/bad/infer", asked)).status).toBe(500);
});

test("Vertex AI requires a model: the only one, or the default one, loaded", async () => {
  const several = repository([], {
    "one/1/x": "",
    "one/config.pbtxt": identity,
    "two/1/x": "",
    "two/config.pbtxt": identity,
  });
  const start = (model: string, root = several) => startServer(root, { vertexAi: { ...at, ...routes, model } });
  await expect(start("")).rejects.toThrow(
    "Expect the model repository contains only a single model if default model is not specified",
  );
  await expect(start("none")).rejects.toThrow("Expect the default model 'none' is loaded");
  const alone = await start("", repository([], { "one/1/x": "", "one/config.pbtxt": identity }));
  expect((await post(alone.ports.vertexAi, "/predict", plain)).status).toBe(200);
  await alone.stop();
});

test("a route that is missing ends the start, with Triton's words", async () => {
  const root = repository([], { "one/1/x": "", "one/config.pbtxt": identity });
  const start = (given: Partial<typeof routes>) =>
    startServer(root, { vertexAi: { ...at, predictRoute: "", healthRoute: "", model: "", ...given } });
  await expect(start({ healthRoute: "/h" })).rejects.toThrow("API_PREDICT_ROUTE is not defined for Vertex AI endpoint");
  await expect(start({ predictRoute: "/p" })).rejects.toThrow("AIP_HEALTH_ROUTE is not defined for Vertex AI endpoint");
});

test("flags and the clouds' environment choose front ends, ports and the repository", () => {
  const read = (words: readonly string[], env: Record<string, string>) => serveOptions(words, "t", () => {}, env);
  const cloud = {
    AIP_MODE: "PREDICTION",
    AIP_PREDICT_ROUTE: "/p",
    AIP_HEALTH_ROUTE: "/h",
    AIP_HTTP_PORT: "5234",
    AIP_STORAGE_URI: "single",
  };
  expect(read([], cloud)).toMatchObject({
    http: false,
    grpc: false,
    metrics: {},
    modelRepositories: ["single"],
    vertexAi: { port: 5234, address: "0.0.0.0", predictRoute: "/p", healthRoute: "/h", model: "" },
  });
  const chosen = read(["--allow-grpc=true", "--model-repository=r", "--vertex-ai-default-model=m"], cloud);
  expect(chosen).toMatchObject({
    http: false,
    grpc: { port: 8001 },
    modelRepositories: ["r"],
    vertexAi: { model: "m" },
  });
  expect(read(["--allow-vertex-ai=false", "--allow-http=true"], cloud).vertexAi).toBeUndefined();
  expect(read(["--model-repository=r"], {}).vertexAi).toBeUndefined();
  const maker = ["--allow-sagemaker=true", "--sagemaker-port=8081", "--sagemaker-safe-port-range=8000-8090"];
  expect(read(maker, { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: "m" }).sageMaker).toMatchObject({ port: 8081, model: "m" });
  expect(() => read([...maker, "--http-port=9000"], {})).toThrow(
    "The server cannot listen to HTTP requests at port 9000, allowed port range is [8000, 8090]",
  );
  expect(() => read(["--allow-sagemaker=true", "--allow-vertex-ai=true"], {})).toThrow(
    "The server cannot listen to SageMaker requests and Vertex AI requests at the same address and port 0.0.0.0:8080",
  );
  expect(() => read([...maker], { SAGEMAKER_TRITON_INFERENCE_TYPE: "train" })).toThrow(
    "Server has invalid inference type 'train'. Must be one of: infer, generate, generate_stream.",
  );
});

describe("SageMaker's type of inference", () => {
  const doubled = {
    "gen/1/model.mjs": `export const execute = requests => {
      for (const request of requests)
        for (let i = 1; i <= request.inputs.TIMES.data[0]; i++)
          request.send({ outputs: [{ name: "N", datatype: "INT32", shape: [1], data: [i] }] });
    };`,
    "gen/config.pbtxt": `backend: "javascript" model_transaction_policy { decoupled: true }
      input { name: "TIMES" data_type: TYPE_INT32 dims: [ 1 ] } output { name: "N" data_type: TYPE_INT32 dims: [ 1 ] }`,
  };
  const invoke = async (inferenceType: "infer" | "generate" | "generate_stream", body: unknown) => {
    const one = await startServer(repository([], doubled), { sageMaker: { ...maker, inferenceType, model: "gen" } });
    try {
      const answer = await post(one.ports.sageMaker, "/invocations", body);
      return [answer.status, answer.headers.get("content-type"), await answer.text()];
    } finally {
      await one.stop();
    }
  };
  const event = (n: number): string => `data: {"N":${n},"model_name":"gen","model_version":"1"}\n\n`;
  test("generate answers once, as JSON", async () => {
    expect(await invoke("generate", { TIMES: 1 })).toEqual([
      200,
      "application/json",
      event(1).slice("data: ".length).trim(),
    ]);
    expect(await invoke("generate", { TIMES: 2 })).toEqual([
      200,
      "application/json",
      '{"error":"generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses"}',
    ]);
  });
  test("generate_stream answers with an event for each", async () => {
    expect(await invoke("generate_stream", { TIMES: 3 })).toEqual([
      200,
      "text/event-stream; charset=utf-8",
      event(1) + event(2) + event(3),
    ]);
  });
  test("infer has no decoupled models", async () => {
    const [status, , text] = await invoke("infer", { TIMES: 1 });
    expect([status, text]).toEqual([
      501,
      `{"error":"HTTP end point doesn't support models with decoupled transaction policy"}`,
    ]);
  });
});
