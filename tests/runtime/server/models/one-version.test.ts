/**
 * A request uses one version of each model, for repeated calls and with reloads in between. This holds for plans, ensembles, JavaScript
 * models, and the models that they call. A replaced version is unloaded when its last request has ended.
 */
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { printPlan, type Step } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { repository, startServer } from "../support.js";

const tensors = (direction: string, names: readonly string[]): string =>
  names.map(name => `${direction} { name: "${name}" data_type: TYPE_FP32 dims: [ 1 ] }`).join("\n");
const config = (name: string, backend: string, inputs: readonly string[], outputs: readonly string[], rest = "") =>
  `name: "${name}"\n${backend}\nmax_batch_size: 8\n${tensors("input", inputs)}\n${tensors("output", outputs)}\n${rest}`;

/** Returns the number of its load for any request; it has enough instances that requests do not wait for each other. */
const weights = (number: number): string =>
  config(
    "weights",
    'backend: "javascript"',
    ["x"],
    ["y"],
    `parameters { key: "number" value { string_value: "${number}" } }\ninstance_group { count: 1 kind: KIND_CPU }`,
  );
const WEIGHTS = `export const execute = (requests, { config }) => requests.map(({ inputs: { x } }) => ({
  outputs: [{ ...x, name: "y", data: new Float32Array(x.data.length).fill(Number(config.parameters.number.string_value)) }] }));`;

/** Answers what it gets. With a folder as its parameter, it writes `begun` there, and waits for `go`. */
const PAUSE = `import { existsSync, writeFileSync } from "node:fs";
export async function execute(requests, { config }) {
  const gate = config.parameters.gate.string_value;
  if (gate) writeFileSync(gate + "/begun", "");
  while (gate && !existsSync(gate + "/go")) await new Promise(resolve => setTimeout(resolve, 5));
  return requests.map(({ inputs: { x } }) => ({ outputs: [{ ...x, name: "y" }] }));
}`;
const pause = (gate: string): string =>
  config(
    "pause",
    'backend: "javascript"',
    ["x"],
    ["y"],
    `dynamic_batching {}\nparameters { key: "gate" value { string_value: "${gate}" } }\ninstance_group { count: 2 kind: KIND_CPU }`,
  );

const ask = (id: string, from: string, model: string): Step<"predictOnnx"> => ({
  id,
  op: "predictOnnx" as const,
  label: id,
  params: { path: `${model}.onnx`, model, inputs: { x: from }, outputs: { [id]: "y" } },
  inputs: { input: [{ name: from, step: from === "x" ? "request" : from, column: from }] },
  outputs: [column(id, "float32")],
});
const PLAN = printPlan({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "plan",
  inputs: [column("x", "float32")],
  steps: [ask("first", "x", "weights"), ask("between", "first", "pause"), ask("second", "between", "weights")],
  outputs: ["first", "second"].map(name => ({
    ref: { name, step: name, column: name },
    schema: column(name, "float32"),
  })),
});

const member = (model: string, input: string, output: string): string =>
  `step { model_name: "${model}" model_version: -1 input_map { key: "x" value: "${input}" } output_map { key: "y" value: "${output}" } }`;
const ENSEMBLE = config(
  "ensemble",
  'platform: "ensemble"',
  ["x"],
  ["first", "second"],
  `ensemble_scheduling { ${member("weights", "x", "first")} ${member("pause", "first", "between")} ${member("weights", "between", "second")} }`,
);
/** One step of it is the plan, which calls `weights`. */
const NESTED = config(
  "nested",
  'platform: "ensemble"',
  ["x"],
  ["first", "second"],
  `ensemble_scheduling { ${member("weights", "x", "first")} ${member("pause", "first", "between")}
  step { model_name: "plan" model_version: -1 input_map { key: "x" value: "between" } output_map { key: "second" value: "second" } } }`,
);
const CALLER = `export async function execute(requests, { infer }) {
  const ask = async (model, x) => (await infer({ model, inputs: [{ ...x, name: "x" }] })).outputs.y;
  return Promise.all(requests.map(async ({ inputs: { x } }) => {
    const first = await ask("weights", x);
    const second = await ask("weights", await ask("pause", first));
    return { outputs: [{ ...first, name: "first" }, { ...second, name: "second" }] };
  }));
}`;
const OUTPUTS = ["first", "second"];
/** A folder of two events: a request has begun to wait, and it may go on. */
function openGate() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-gate-"));
  return {
    folder,
    begun: () => vi.waitFor(() => expect(existsSync(join(folder, "begun"))).toBe(true), 20_000),
    open: () => writeFileSync(join(folder, "go"), ""),
  };
}

const files = (gate = ""): Readonly<Record<string, string>> => ({
  "weights/config.pbtxt": weights(1),
  "weights/1/model.mjs": WEIGHTS,
  "pause/config.pbtxt": pause(gate),
  "pause/1/model.mjs": PAUSE,
  "plan/config.pbtxt": config("plan", 'backend: "merlon"', ["x"], OUTPUTS, "dynamic_batching {}"),
  "plan/1/plan.json": PLAN,
  "ensemble/config.pbtxt": ENSEMBLE,
  "ensemble/1/.keep": "",
  "nested/config.pbtxt": NESTED,
  "nested/1/.keep": "",
  "caller/config.pbtxt": config("caller", 'backend: "javascript"', ["x"], OUTPUTS),
  "caller/1/model.mjs": CALLER,
});
const MODELS = ["plan", "ensemble", "nested", "caller"] as const;
type Server = Awaited<ReturnType<typeof startServer>>;

/** Both answers of a request; they differ where it met two versions. */
async function askBoth(server: Server, model: string, rows = 1): Promise<readonly number[]> {
  const inputs = [{ name: "x", shape: [rows, 1], datatype: "FP32", data: new Array(rows).fill(0) }];
  const { status, body } = await server.post(`/v2/models/${model}/infer`, { inputs });
  expect({ model, status, body }).toMatchObject({ status: 200 });
  const { outputs } = body as { outputs: readonly { name: string; data: readonly number[] }[] };
  return OUTPUTS.map(name => outputs.find(output => output.name === name)!.data[0]!);
}

async function swap(server: Server, folder: string, number: number): Promise<void> {
  writeFileSync(join(folder, "weights/config.pbtxt"), weights(number));
  expect((await server.post("/v2/repository/models/weights/load", {})).status).toBe(200);
}

const unloads = ({ log }: Server): number =>
  log.filter(line => line.includes("successfully unloaded 'weights'")).length;

test.each(MODELS)("%s: a model that is loaded anew between two steps answers both as it was", async model => {
  const gate = openGate();
  const folder = repository([], files(gate.folder));
  const server = await startServer(folder, {
    modelControlMode: "explicit",
    loadModels: ["nested", "caller", "ensemble"],
  });
  try {
    const running = askBoth(server, model);
    await gate.begun();
    await swap(server, folder, 2);
    // The new version serves, and the old one is still there for the request that has begun.
    expect(unloads(server)).toBe(0);
    const next = askBoth(server, model);
    gate.open();
    expect(await running).toEqual([1, 1]);
    await expect.poll(() => unloads(server)).toBe(1);
    expect(await next).toEqual([2, 2]);
  } finally {
    await server.stop();
  }
});

test("under load no request mixes two versions, nothing is dropped, and replaced ones are unloaded", async () => {
  const folder = repository([], files());
  const server = await startServer(folder, {
    modelControlMode: "explicit",
    loadModels: ["nested", "caller", "ensemble"],
  });
  try {
    let on = true;
    const answers: (readonly number[])[] = [];
    const clients = MODELS.flatMap(model =>
      Array.from({ length: 3 }, async (_, i) => {
        while (on) answers.push(await askBoth(server, model, i + 1));
      }),
    );
    const swaps = 12;
    for (let number = 2; number < 2 + swaps; number++) await swap(server, folder, number);
    on = false;
    await Promise.all(clients);
    expect(answers.filter(([first, second]) => first !== second)).toEqual([]);
    expect(new Set(answers.map(([first]) => first)).size).toBeGreaterThan(swaps / 2);
    await expect.poll(() => unloads(server)).toBe(swaps);
  } finally {
    await server.stop();
  }
});

test("an unload waits for the request that has begun, and the index shows it until then", async () => {
  const gate = openGate();
  const server = await startServer(repository([], files(gate.folder)), {
    modelControlMode: "explicit",
    loadModels: ["ensemble"],
  });
  const state = async (name: string): Promise<unknown> => {
    const { body } = await server.post("/v2/repository/index", {});
    return (body as { name: string; state?: string }[]).find(entry => entry.name === name)?.state;
  };
  try {
    const running = askBoth(server, "ensemble");
    await gate.begun();
    expect((await server.post("/v2/repository/models/weights/unload", {})).status).toBe(200);
    expect(await state("weights")).toBe("UNLOADING");
    expect(unloads(server)).toBe(0);
    gate.open();
    expect(await running).toEqual([1, 1]);
    await expect.poll(() => state("weights")).toBe("UNAVAILABLE");
    expect(unloads(server)).toBe(1);
  } finally {
    await server.stop();
  }
});
