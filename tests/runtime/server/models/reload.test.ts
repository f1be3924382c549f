/**
 * Loading anew while requests run: none is lost, none meets half a model; and nothing stays behind in the temporary folder.
 */
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

const config = (name: string, extra = ""): string =>
  `name: "${name}"\nbackend: "identity"\nmax_batch_size: 4\ninput [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 2 ] } ]\noutput [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 2 ] } ]\n${extra}`;
const ensemble = `name: "both"\nplatform: "ensemble"\nmax_batch_size: 4\ninput [ { name: "IN" data_type: TYPE_INT32 dims: [ 2 ] } ]\noutput [ { name: "OUT" data_type: TYPE_INT32 dims: [ 2 ] } ]
ensemble_scheduling { step [ { model_name: "one" model_version: -1 input_map { key: "INPUT0" value: "IN" } output_map { key: "OUTPUT0" value: "OUT" } } ] }`;
const onnx = readFileSync(new URL("../../../conformance/data/protocol/models/calc_fp32/1/model.onnx", import.meta.url));
const overrides = (): string[] => readdirSync(tmpdir()).filter(name => name.startsWith("merlon-override-"));

/** A module that answers its number. */
const answering = (number: number): string =>
  `export const execute = requests => requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [${number}] }] }));`;

test("no request is lost while a model and its ensemble are loaded again and again", async () => {
  const folder = repository([], {
    "one/config.pbtxt": config("one"),
    "one/1/.keep": "",
    "both/config.pbtxt": ensemble,
    "both/1/.keep": "",
  });
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["both"] });
  const ask = async (model: string, input: string): Promise<void> => {
    const { status, body } = await server.post(`/v2/models/${model}/infer`, {
      inputs: [{ name: input, shape: [1, 2], datatype: "INT32", data: [3, 4] }],
    });
    expect({ model, status, body }).toMatchObject({ status: 200, body: { outputs: [{ data: [3, 4] }] } });
  };
  try {
    let on = true;
    let answered = 0;
    const clients = ["one", "both"].flatMap(model =>
      Array.from({ length: 4 }, async () => {
        for (; on; answered++) await ask(model, model === "one" ? "INPUT0" : "IN");
      }),
    );
    for (let round = 0; round < 20; round++) {
      // Another delay in turn, so that it is a new model and not an update of its instances.
      const extra = `parameters { key: "execute_delay_ms" value { string_value: "${round % 2}" } }\n`;
      writeFileSync(join(folder, "one/config.pbtxt"), config("one", extra));
      expect((await server.post("/v2/repository/models/one/load", {})).status).toBe(200);
    }
    on = false;
    await Promise.all(clients);
    expect(answered).toBeGreaterThan(100);
    expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200);
  } finally {
    await server.stop();
  }
});

test("an update of instances keeps the statistics, a change of the model begins anew", async () => {
  const folder = repository([], { "one/config.pbtxt": config("one"), "one/1/.keep": "" });
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["one"] });
  const served = async (): Promise<unknown> =>
    ((await server.json("/v2/models/one/stats")).body as { model_stats: { inference_count: number }[] }).model_stats[0]!
      .inference_count;
  const reload = async (text: string): Promise<void> => {
    writeFileSync(join(folder, "one/config.pbtxt"), text);
    expect((await server.post("/v2/repository/models/one/load", {})).status).toBe(200);
  };
  try {
    const inputs = [{ name: "INPUT0", shape: [1, 2], datatype: "INT32", data: [3, 4] }];
    expect((await server.post("/v2/models/one/infer", { inputs })).status).toBe(200);
    await reload(config("one", "instance_group { count: 3 }\n"));
    expect(await served()).toBe(1);
    await reload(config("one").replace("max_batch_size: 4", "max_batch_size: 8"));
    expect(await served()).toBe(0);
  } finally {
    await server.stop();
  }
});

test("files of load requests leave the temporary folder with their model", async () => {
  const server = await startServer(repository(["echo_int32"]), { modelControlMode: "explicit" });
  const load = async (model: string, files: Readonly<Record<string, string>>, config = '{"backend":"onnxruntime"}') =>
    (await server.post(`/v2/repository/models/${model}/load`, { parameters: { config, ...files } })).status;
  const good = { "file:1/model.onnx": onnx.toString("base64") };
  const before = overrides().length;
  const left = (): number => overrides().length - before;
  try {
    expect(await load("new", good)).toBe(200);
    expect(left()).toBe(1);
    expect(await load("new", { "file:2/model.onnx": good["file:1/model.onnx"] })).toBe(200);
    expect(left()).toBe(1);
    // A refused load leaves nothing, and the served version stays.
    expect(await load("new", { "file:3/model.onnx": "bm90IG9ubng=" })).toBe(400);
    expect(await load("new", { "file:../x": "AAAA" })).toBe(500);
    expect(await load("new", good, '{"max_batch_size":-1}')).toBe(500);
    expect(left()).toBe(1);
    expect((await server.json("/v2/models/new/ready")).status).toBe(200);
    expect((await server.post("/v2/repository/models/new/unload", {})).status).toBe(200);
    expect(left()).toBe(0);
    expect(await load("new", good)).toBe(200);
  } finally {
    await server.stop();
  }
  expect(left()).toBe(0);
});

// Triton 2.51's responses to the same calls, with a Python model: 4, 7, 7, 4 after the touch, then 9, then 4 after the unload.
/** Statuses and values of Triton 2.73, which compares the configurations and not the files of uploads. */
test("files of a load request are ignored while their versions serve with the same configuration, and the log warns", async () => {
  const files = {
    "a/config.pbtxt": `name: "a" backend: "javascript" input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]`,
    "a/1/model.mjs": answering(0),
  };
  const server = await startServer(repository([], files), {
    ...{ modelControlMode: "explicit", loadModels: ["a"], allowModelCodeUpload: true },
  });
  const tensor = { data_type: "TYPE_INT32", dims: [1] };
  const same = {
    name: "a",
    backend: "javascript",
    input: [{ name: "IN", ...tensor }],
    output: [{ name: "OUT", ...tensor }],
  };
  const other = { ...same, parameters: { x: { string_value: "1" } } };
  const number = async (): Promise<unknown> =>
    (
      await server.json("/v2/models/a/infer", {
        method: "POST",
        body: JSON.stringify({ inputs: [{ name: "IN", shape: [1], datatype: "INT32", data: [1] }] }),
      })
    ).body;
  /** The number that the model answers after the upload of `content`. */
  const after = async (content: number, config: object): Promise<unknown> => {
    const parameters = {
      config: JSON.stringify(config),
      "file:1/model.mjs": Buffer.from(answering(content)).toString("base64"),
    };
    expect((await server.post("/v2/repository/models/a/load", { parameters })).status).toBe(200);
    return ((await number()) as { outputs: [{ data: [number] }] }).outputs[0].data[0];
  };
  const warnings = () => server.log.filter(line => /^W.* the files of the load request are ignored/.test(line)).length;
  expect([await after(1, same), await after(2, same), warnings()]).toEqual([0, 0, 2]);
  expect(await after(3, { ...same, instance_group: [{ count: 2, kind: "KIND_CPU" }] })).toBe(0);
  expect([await after(4, other), await after(5, other)]).toEqual([4, 4]);
  expect((await server.post("/v2/repository/models/a/unload", {})).status).toBe(200);
  expect([await after(6, other), await after(7, other)]).toEqual([6, 6]);
  await server.stop();
});

test("a configuration from a request stays until the model's folder changes or the model is unloaded", async () => {
  const folder = repository([], { "one/config.pbtxt": config("one"), "one/1/.keep": "" });
  const server = await startServer(folder, { modelControlMode: "explicit" });
  await server.post("/v2/repository/models/one/load", {});
  const configNow = async () =>
    (await server.json("/v2/models/one/config")).body as { readonly max_batch_size: number };
  const fromFile = await configNow();
  const load = async (batch?: number): Promise<unknown> => {
    const parameters = batch && { config: JSON.stringify({ ...fromFile, max_batch_size: batch }) };
    expect((await server.post("/v2/repository/models/one/load", parameters ? { parameters } : {})).status).toBe(200);
    return (await configNow()).max_batch_size;
  };
  const written = fromFile.max_batch_size;
  try {
    expect(await load(7)).toBe(7);
    expect(await load()).toBe(7);
    const later = new Date(Date.now() + 5000);
    utimesSync(join(folder, "one/config.pbtxt"), later, later);
    expect(await load()).toBe(written);
    expect(await load(9)).toBe(9);
    expect((await server.post("/v2/repository/models/one/unload", {})).status).toBe(200);
    expect(await load()).toBe(written);
  } finally {
    await server.stop();
  }
});

// As qa/L0_lifecycle has it (test_load_new_model_version), and a Triton of its release answered.
test("a reload leaves a version alone whose files are as they were, and begins others anew", async () => {
  const chosen = (versions: string): string =>
    config("one", `version_policy { specific { versions: [${versions}] } }\n`);
  const folder = repository([], {
    "one/config.pbtxt": chosen("1, 2"),
    ...{ "one/1/file": "", "one/2/file": "", "one/3/file": "" },
  });
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["one"] });
  const counts = async (): Promise<Record<string, number>> => {
    const { body } = await server.json("/v2/models/one/stats");
    const { model_stats: found } = body as { model_stats: { version: string; inference_count: number }[] };
    return Object.fromEntries(found.map(({ version, inference_count: count }) => [version, count]));
  };
  try {
    for (const version of [1, 2])
      await server.post(`/v2/models/one/versions/${version}/infer`, {
        inputs: [{ name: "INPUT0", shape: [1, 2], datatype: "INT32", data: [3, 4] }],
      });
    expect(await counts()).toEqual({ 1: 1, 2: 1 });
    utimesSync(join(folder, "one/2/file"), 1, 1);
    writeFileSync(join(folder, "one/config.pbtxt"), chosen("1, 2, 3"));
    expect((await server.post("/v2/repository/models/one/load", {})).status).toBe(200);
    expect(await counts()).toEqual({ 1: 1, 2: 0, 3: 0 });
    // A file beside the versions belongs to all of them.
    writeFileSync(join(folder, "one/labels.txt"), "a\n");
    await server.post("/v2/repository/models/one/load", {});
    expect(await counts()).toEqual({ 1: 0, 2: 0, 3: 0 });
  } finally {
    await server.stop();
  }
});

// As qa/L0_lifecycle has it (test_concurrent_model_load).
test("a load during a load of the same model reads the files anew, once for all who wait", async () => {
  const slow = (batch: number): string =>
    config("one", `parameters { key: "creation_delay_sec" value { string_value: "1" } }\n`).replace(
      "max_batch_size: 4",
      `max_batch_size: ${batch}`,
    );
  const folder = repository([], { "one/config.pbtxt": slow(4), "one/1/.keep": "" });
  const server = await startServer(folder, { modelControlMode: "explicit" });
  const load = async (): Promise<number> => (await server.post("/v2/repository/models/one/load", {})).status;
  try {
    const first = load();
    await expect.poll(() => server.log.some(line => line.includes("loading: one:1"))).toBe(true);
    writeFileSync(join(folder, "one/config.pbtxt"), slow(8));
    const later = Array.from({ length: 20 }, load);
    expect(new Set(await Promise.all([first, ...later]))).toEqual(new Set([200]));
    expect((await server.json("/v2/models/one/config")).body).toMatchObject({ max_batch_size: 8 });
    expect(server.log.filter(line => line.includes("loading: one:1"))).toHaveLength(2);
  } finally {
    await server.stop();
  }
});
