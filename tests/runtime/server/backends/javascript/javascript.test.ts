/**
 * JavaScript models through a server: answers, calls, faults that stay with their model, and ensembles over them.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../../support.js";

const config = (name: string, more = ""): string => `
name: "${name}" backend: "javascript" max_batch_size: 0
input [ { name: "X" data_type: TYPE_INT32 dims: [-1] } ]
output [ { name: "Y" data_type: TYPE_INT32 dims: [-1] } ]
instance_group [ { count: 1 kind: KIND_CPU } ] ${more}`;

const files = {
  "double/config.pbtxt": config("double"),
  "double/1/model.mjs": `
    let factor = 0;
    export function initialize({ config }) { factor = config.name === "double" ? 2 : 0; }
    export const execute = requests => requests.map(({ inputs: { X } }) => ({
      outputs: [{ ...X, name: "Y", data: X.data.map(value => value * factor) }], parameters: { factor },
    }));`,
  "caller/config.pbtxt": config("caller"),
  "caller/1/model.mjs": `
    export async function execute(requests, { infer }) {
      return Promise.all(requests.map(async ({ inputs: { X } }) => {
        try {
          const model = X.data[0] < 0 ? "nobody" : "double";
          const { outputs } = await infer({ model, inputs: [X] });
          return { outputs: [outputs.Y] };
        } catch (error) {
          return { error: "call failed: " + error.message, code: error.code };
        }
      }));
    }`,
  "wild/config.pbtxt": config("wild", 'parameters { key: "execution_timeout_ms" value { string_value: "300" } }'),
  "wild/1/model.mjs": `
    export async function execute(requests) {
      const mode = requests[0].inputs.X.data[0];
      if (mode === 1) for (;;);
      if (mode === 2) process.exit(3);
      if (mode === 3) return [];
      if (mode === 4) throw new Error("no luck");
      if (mode === 5) return [{ outputs: [{ name: "Y", datatype: "INT32", shape: [2], data: [1] }] }];
      if (mode === 6) {
        const { parentPort } = await import("node:worker_threads");
        for (const odd of [null, undefined, 0, {}, { id: 1 }, { kind: "failed" }]) parentPort.postMessage(odd);
      }
      if (mode === 7) return new Promise(() => setTimeout(() => { throw null; }));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    }`,
  "broken/config.pbtxt": config("broken"),
  "broken/1/model.mjs":
    "export function initialize() { throw new Error('no weights'); }\nexport const execute = () => [];",
  "pair/config.pbtxt": `
    name: "pair" platform: "ensemble" max_batch_size: 0
    input [ { name: "A" data_type: TYPE_INT32 dims: [-1] } ]
    output [ { name: "B" data_type: TYPE_INT32 dims: [-1] } ]
    ensemble_scheduling { step [
      { model_name: "wild" model_version: -1 input_map { key: "X" value: "A" } output_map { key: "Y" value: "t" } },
      { model_name: "double" model_version: -1 input_map { key: "X" value: "t" } output_map { key: "Y" value: "B" } } ] }`,
  "pair/1/.keep": "",
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository([], files), { exitOnError: false });
});
afterAll(() => server.stop());

const ask = (model: string, data: readonly number[], input = "X") =>
  server.post(`/v2/models/${model}/infer`, {
    inputs: [{ name: input, shape: [data.length], datatype: "INT32", data }],
  });
const prefix = "Failed to process the request(s) for model 'wild_0_0', message: ";

test("a model initializes, executes, and answers with parameters", async () => {
  expect(await ask("double", [1, -2, 3])).toMatchObject({
    status: 200,
    body: { parameters: { factor: 2 }, outputs: [{ name: "Y", data: [2, -4, 6] }] },
  });
});

test("a model calls another, which counts the request; a call that fails says why", async () => {
  const executions = async (): Promise<number> => {
    const { body } = await server.json("/v2/models/double/stats");
    return (body as { model_stats: { execution_count: number }[] }).model_stats[0]!.execution_count;
  };
  const before = await executions();
  expect(await ask("caller", [5])).toMatchObject({ status: 200, body: { outputs: [{ data: [10] }] } });
  expect(await executions()).toBe(before + 1);
  expect(await ask("caller", [-1])).toEqual({
    status: 404,
    body: { error: "call failed: Request for unknown model: 'nobody' is not found" },
  });
});

test("an endless loop and a dead thread fail their own request; others are answered meanwhile and the model is restarted", async () => {
  const loop = ask("wild", [1]);
  expect((await ask("double", [7])).status).toBe(200);
  expect(await loop).toMatchObject({ status: 500, body: { error: expect.stringContaining("longer than 300 ms") } });
  expect(await ask("wild", [0])).toMatchObject({ status: 200, body: { outputs: [{ data: [0] }] } });
  expect(await ask("wild", [2])).toEqual({
    status: 500,
    body: { error: `${prefix}the model's thread has ended` },
  });
  expect((await ask("wild", [0])).status).toBe(200);
});

test("wrong answers and thrown errors are named", async () => {
  const error = async (mode: number): Promise<string> => ((await ask("wild", [mode])).body as { error: string }).error;
  expect(await error(3)).toContain(`${prefix}RangeError: execute returned 0 responses for 1 requests`);
  expect(await error(4)).toMatch(/message: Error: no luck\n\nAt:\n {2}.*wild\/1\/model\.mjs\(7\): /);
  expect(await error(5)).toContain("output 'Y' has 1 elements for the shape [2], which has 2");
});

test("messages of the model's own and an error that is not one leave the server as it is", async () => {
  expect(await ask("wild", [6])).toMatchObject({ status: 200, body: { outputs: [{ data: [6] }] } });
  expect(await ask("wild", [7])).toEqual({
    status: 500,
    body: { error: `${prefix}the model's thread has ended: null` },
  });
  expect((await ask("wild", [0])).status).toBe(200);
});

test("a model that cannot initialize is unavailable with its reason", async () => {
  const { body } = await server.post("/v2/repository/index", {});
  expect(body).toContainEqual(
    expect.objectContaining({ name: "broken", state: "UNAVAILABLE", reason: expect.stringContaining("no weights") }),
  );
});

test("an ensemble of them answers, and says which ensemble a failing step belongs to", async () => {
  expect(await ask("pair", [0, 4], "A")).toMatchObject({
    status: 200,
    body: { outputs: [{ name: "B", data: [0, 8] }] },
  });
  const failed = await ask("pair", [4], "A");
  expect(failed.status).toBe(500);
  expect((failed.body as { error: string }).error).toContain(`in ensemble 'pair', ${prefix}Error: no luck`);
  const { body } = await server.json("/v2/models/pair/stats");
  expect(body).toMatchObject({ model_stats: [{ execution_count: 1, inference_stats: { fail: { count: 2 } } }] });
});
