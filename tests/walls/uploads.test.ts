/**
 * Load requests bring data and no code: neither a module among their files, nor a configuration that chooses code on disk.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { grpcClient } from "../reliability/support.js";
import { repository, startServer } from "../runtime/server/support.js";

const TENSORS = {
  input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: [-1] }],
  output: [{ name: "OUTPUT0", data_type: "TYPE_INT32", dims: [-1] }],
};
const PBTXT = `input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [-1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [-1] } ]`;
const config = (more: object): string => JSON.stringify({ ...TENSORS, ...more });
const marker = join(repository([]), "ran");
/** Leaves a trace as soon as it is imported. */
const CODE = `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(marker)}, "ran\\n");
export const execute = requests => requests.map(({ inputs: { INPUT0 } }) => ({ outputs: [{ ...INPUT0, name: "OUTPUT0" }] }));
export default ({ inputs }) => ({ OUTPUT0: [1] });`;
const files = {
  "disk/config.pbtxt": `backend: "identity" ${PBTXT}`,
  "disk/1/model.mjs": CODE,
  "disk/mock.mjs": CODE,
  "script/config.pbtxt": `backend: "javascript" ${PBTXT}`,
  "script/1/model.mjs": CODE,
  "script/1/other.mjs": CODE,
};

const open = async (options: Parameters<typeof startServer>[1] = {}) => {
  const server = await startServer(repository([], files), { modelControlMode: "explicit", ...options });
  return { ...server, rpc: grpcClient(server.ports.grpc!) };
};
let server: Awaited<ReturnType<typeof open>>;
let allowing: typeof server;
beforeAll(async () => {
  server = await open();
  allowing = await open({ allowModelCodeUpload: true });
});
afterAll(async () => {
  for (const { rpc, stop } of [server, allowing]) {
    rpc.close();
    await stop();
  }
});

interface Load {
  readonly config?: string;
  readonly files?: Readonly<Record<string, string>>;
}
/** Over both protocols. */
async function load(to: typeof server, model: string, given: Load): Promise<readonly string[]> {
  const sent = Object.entries(given.files ?? {});
  const { body, status } = await to.post(`/v2/repository/models/${model}/load`, {
    parameters: {
      ...(given.config !== undefined && { config: given.config }),
      ...Object.fromEntries(sent.map(([path, text]) => [`file:${path}`, Buffer.from(text).toString("base64")])),
    },
  });
  const rpc = await to.rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", {
    model_name: model,
    parameters: {
      ...(given.config !== undefined && { config: { string_param: given.config } }),
      ...Object.fromEntries(sent.map(([path, text]) => [`file:${path}`, { bytes_param: Buffer.from(text) }])),
    },
  });
  return [status === 200 ? "" : (body as { error: string }).error, rpc.message];
}
const ran = (): boolean => existsSync(marker);
// Some tests run it.
beforeEach(() => rmSync(marker, { force: true }));

describe("without the flag", () => {
  test("a text/plain POST of a foreign page cannot bring a module that runs", async () => {
    const body = JSON.stringify({
      parameters: {
        config: config({ backend: "onnxruntime" }),
        "file:1/model.mjs": Buffer.from(CODE).toString("base64"),
        "file:1/model.onnx": "AAAA",
      },
    });
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = { "content-type": "text/plain", origin: "http://evil.example", host: "evil.example" };
      const sent = request(
        `${server.http}/v2/repository/models/evil/load`,
        { method: "POST", headers },
        async response => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() });
        },
      );
      sent.on("error", reject).end(body);
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(ran()).toBe(false);
  });

  // biome-ignore format: one list
  const NAMES = ["1/model.mjs", "1/model.js", "1/model.cjs", "1/model.node", "1/lib.so", "1/libx.so.1", "1/model.py", "1/a.PY", "1/x.sh", "1/x.wasm", "1/x.ts", "1/model.pt", "1/x.pkl",
    "1/feature_store.yaml", "1/x.mjs/", "model.mjs"];
  test.each(NAMES)("file:%s is refused by name, and the text names the flag", async path => {
    for (const backend of ["onnxruntime", "identity", "javascript"])
      for (const text of await load(server, "new", { config: config({ backend }), files: { [path]: CODE } })) {
        expect(text).toContain(`'file:${path}'`);
        expect(text).toContain("--allow-model-code-upload");
      }
    expect(ran()).toBe(false);
  });

  test("a configuration cannot choose a backend that runs code, with or without files", async () => {
    for (const [model, sent] of [
      ["disk", {}],
      ["disk", { "1/x": "x" }],
      ["new", { "1/model": CODE }],
    ] as const)
      for (const more of [{ backend: "javascript" }, { backend: "javascript", default_model_filename: "model" }]) {
        for (const text of await load(server, model, { config: config(more), files: sent })) {
          expect(text).toContain("backend 'javascript'");
          expect(text).toContain("--allow-model-code-upload");
        }
      }
    for (const text of await load(server, "script", {
      config: config({ backend: "javascript", default_model_filename: "other.mjs" }),
    }))
      expect(text).toContain("--allow-model-code-upload");
    expect(ran()).toBe(false);
  });

  test("a configuration cannot make a module a stand-in", async () => {
    const stand = { merlon_stand_in: { string_value: "model.mjs" } };
    await load(server, "disk", { config: config({ backend: "identity", parameters: stand }) });
    await load(server, "disk", { config: config({ backend: "python", parameters: stand }) });
    expect(ran()).toBe(false);
  });

  test("a configuration, or an uploaded mock.json, cannot choose the function of a mock", async () => {
    for (const file of ["mock.mjs", "../disk/mock.mjs", "../../../../../../../../../../..".concat(marker)]) {
      const mock = JSON.stringify({ function: file });
      const inConfig = config({ backend: "mock", parameters: { mock: { string_value: mock } } });
      for (const text of [
        ...(await load(server, "disk", { config: inConfig })),
        ...(await load(server, "new", { config: config({ backend: "mock" }), files: { "1/mock.json": mock } })),
      ])
        expect(text).toContain("a load request may not choose code");
    }
    expect(ran()).toBe(false);
  });

  test("a configuration cannot name libraries of operators", async () => {
    const more = { backend: "identity", model_operations: { op_library_filename: ["/tmp/evil.so"] } };
    for (const text of await load(server, "disk", { config: config(more) }))
      expect(text).toContain("--allow-model-code-upload");
  });

  test("data is taken as before, and the configuration of a model with code on disk may change", async () => {
    expect(
      await load(server, "new", { config: config({ backend: "identity" }), files: { "1/weights.bin": "x" } }),
    ).toEqual(["", ""]);
    expect(await load(server, "script", { config: config({ backend: "javascript" }) })).toEqual(["", ""]);
    expect(readFileSync(marker, "utf8")).toContain("ran");
    await server.post("/v2/repository/models/script/unload", {});
  });
});

test("with the flag, an upload may be a JavaScript model, and still not a stand-in", async () => {
  expect(
    await load(allowing, "made", { config: config({ backend: "javascript" }), files: { "1/model.mjs": CODE } }),
  ).toEqual(["", ""]);
  const input = { name: "INPUT0", shape: [2], datatype: "INT32", data: [1, 2] };
  expect(await allowing.post("/v2/models/made/infer", { inputs: [input] })).toMatchObject({
    status: 200,
    body: { outputs: [{ data: [1, 2] }] },
  });
  const [text] = await load(allowing, "stand", {
    config: config({ backend: "python" }),
    files: { "1/model.mjs": CODE },
  });
  expect(text).toContain("unable to find backend library for backend 'python'");
});

test("a new file on disk beside a model of another backend does not run", async () => {
  const root = repository([], files);
  mkdirSync(join(root, "late", "1"), { recursive: true });
  writeFileSync(join(root, "late", "config.pbtxt"), `backend: "identity" ${PBTXT}`);
  writeFileSync(join(root, "late", "1", "model.mjs"), CODE);
  const other = await startServer(root, { modelControlMode: "explicit", loadModels: ["late"] });
  const input = { name: "INPUT0", shape: [2], datatype: "INT32", data: [1, 2] };
  expect((await other.post("/v2/models/late/infer", { inputs: [input] })).status).toBe(200);
  await other.stop();
  expect(ran()).toBe(false);
});
