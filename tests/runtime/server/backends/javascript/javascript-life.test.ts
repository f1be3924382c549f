/**
 * The life of a JavaScript model: initialized once per instance, given batches, awaited, with several responses and calls of a decoupled
 * model, and finalized.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../../../run/wait.js";
import { repository, startServer } from "../../support.js";

const notes = join(mkdtempSync(join(tmpdir(), "merlon-notes-")), "notes");
const tensors = `input [ { name: "X" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "Y" data_type: TYPE_INT32 dims: [1] } ]`;
const one = "instance_group [ { count: 1 kind: KIND_CPU } ]";
const decoupled = "model_transaction_policy { decoupled: true }";

const files = {
  "life/config.pbtxt": `name: "life" backend: "javascript" ${tensors} instance_group [ { count: 2 kind: KIND_CPU } ]`,
  "life/1/model.mjs": `
    import { appendFileSync } from "node:fs";
    const note = text => appendFileSync(${JSON.stringify(notes)}, text + "\\n");
    let name;
    export async function initialize({ instance, version, folder }) {
      await new Promise(next => setTimeout(next, 20));
      name = instance;
      note("initialize " + instance + " " + version + " " + folder.endsWith("life/1"));
    }
    export const execute = async requests => {
      await new Promise(next => setTimeout(next, 5));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }], parameters: { instance: name } }));
    };
    export async function finalize() {
      await new Promise(next => setTimeout(next, 20));
      note("finalize " + name);
    }`,
  "batch/config.pbtxt": `name: "batch" backend: "javascript" max_batch_size: 8 ${tensors} ${one}
    dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 5000000 }`,
  "batch/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X }, id }) => {
      if (id === "bad") return { error: "not this one", code: "NOT_FOUND" };
      return { outputs: [{ ...X, name: "Y", data: X.data.map(() => requests.length) }] };
    });`,
  "late/config.pbtxt": `name: "late" backend: "javascript" ${tensors} ${one} ${decoupled}`,
  "late/1/model.mjs": `export function execute(requests) {
      for (const request of requests) {
        request.hold();
        const { X } = request.inputs;
        let i = 0;
        const timer = setInterval(() => {
          if (i < X.data[0]) request.send({ outputs: [{ ...X, name: "Y", data: [i++] }] });
          else {
            clearInterval(timer);
            request.close();
          }
        }, 5);
      }
    }`,
  "sum/config.pbtxt": `name: "sum" backend: "javascript" ${tensors} ${one}`,
  "sum/1/model.mjs": `export const execute = (requests, { stream }) => Promise.all(requests.map(async ({ inputs: { X } }) => {
      let total = 0;
      for await (const { outputs } of stream({ model: "late", inputs: [X] })) total += outputs.Y.data[0];
      return { outputs: [{ ...X, name: "Y", data: [total] }] };
    }));`,
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository([], files), { modelControlMode: "explicit", loadModels: ["*"] });
});
afterAll(() => server.stop());

const ask = (model: string, value: number, shape: readonly number[] = [1], id = "") =>
  server.post(`/v2/models/${model}/infer`, { id, inputs: [{ name: "X", shape, datatype: "INT32", data: [value] }] });
const lines = (): string[] => readFileSync(notes, "utf8").trim().split("\n").sort();

test("each instance is initialized before the model is ready, and finalized when it is unloaded", async () => {
  expect(lines()).toEqual(["initialize life_0_0 1 true", "initialize life_0_1 1 true"]);
  const answers = await Promise.all([1, 2, 3, 4].map(value => ask("life", value)));
  const instances = answers.map(({ body }) => (body as { parameters: { instance: string } }).parameters.instance);
  expect(new Set(instances)).toEqual(new Set(["life_0_0", "life_0_1"]));
  expect((await server.post("/v2/repository/models/life/unload", {})).status).toBe(200);
  await until("both are finalized", () => lines().length >= 4);
  expect(lines().slice(0, 2)).toEqual(["finalize life_0_0", "finalize life_0_1"]);
});

test("a batch is one execution; what is wrong with one request is not the others' fault", async () => {
  const answers = await Promise.all(["a", "b", "bad", "c"].map(id => ask("batch", 1, [1, 1], id)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 200]);
  expect(answers[0]!.body).toMatchObject({ outputs: [{ data: [4] }] });
  expect(answers[2]!.body).toEqual({ error: "not this one" });
  const { body } = await server.json("/v2/models/batch/stats");
  expect((body as { model_stats: unknown[] }).model_stats[0]).toMatchObject({ execution_count: 1 });
});

test("a decoupled model answers after `execute` has ended, until it closes the request", async () => {
  const response = await fetch(`${server.http}/v2/models/late/generate_stream`, {
    method: "POST",
    body: JSON.stringify({ X: 4 }),
  });
  expect([...(await response.text()).matchAll(/"Y":(\d+)/g)].map(([, value]) => Number(value))).toEqual([0, 1, 2, 3]);
});

test("a model reads the responses of a decoupled one as they arrive", async () => {
  expect((await ask("sum", 5)).body).toMatchObject({ outputs: [{ data: [10] }] });
  expect((await ask("sum", 0)).body).toMatchObject({ outputs: [{ data: [0] }] });
});
