/**
 * Data between the server and a model's thread: every datatype and size, responses faster than they are read, executions that are sent
 * ahead and cancelled.
 */
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DATATYPES } from "#triton-protos/datatype.js";
import { until } from "../../../../run/wait.js";
import { repository, startServer } from "../../support.js";

const number = `input [ { name: "X" data_type: TYPE_INT32 dims: [-1] } ] output [ { name: "Y" data_type: TYPE_INT32 dims: [-1] } ]`;
const all = (role: string, prefix: string): string =>
  `${role} [ ${DATATYPES.map(({ name, config }) => `{ name: "${prefix}${name}" data_type: ${config} dims: [-1, -1] }`)} ]`;
const gates = join(mkdtempSync(join(tmpdir(), "merlon-gates-")), "gate");
const open = (gate: number): void => writeFileSync(`${gates}${gate}`, "");
const one = "instance_group [ { count: 1 kind: KIND_CPU } ]";
const files = {
  "types/config.pbtxt": `name: "types" backend: "javascript" ${all("input", "in ä ")} ${all("output", "out ä ")} ${one}`,
  "types/1/model.mjs": `export const execute = requests => requests.map(({ inputs, id, parameters }) => ({
      outputs: Object.values(inputs).map(input => ({ ...input, name: input.name.replace("in", "out") })), parameters: { ...parameters, id } }));`,
  "many/config.pbtxt": `name: "many" backend: "javascript" ${number} ${one} model_transaction_policy { decoupled: true }`,
  "many/1/model.mjs": `export function execute([request]) {
      const [count, size] = request.inputs.X.data;
      for (let i = 0; i < count; i++) request.send({ outputs: [{ ...request.inputs.X, name: "Y", shape: [size], data: new Int32Array(size).fill(i) }] });
    }`,
  // Values: the gate to wait at without yielding the thread (0 for none), and the request's name.
  "line/config.pbtxt": `name: "line" backend: "javascript" ${number} instance_group [ { count: 2 kind: KIND_CPU } ]`,
  "line/1/model.mjs": `import { existsSync, writeFileSync } from "node:fs";
    let ran = [];
    export const execute = ([{ inputs: { X } }]) => {
      const [gate, name] = X.data;
      if (name === -1) process.exit(1);
      if (gate !== 0) writeFileSync(${JSON.stringify(`${gates}-begun`)} + gate, "");
      while (gate !== 0 && !existsSync(${JSON.stringify(gates)} + gate));
      ran.push(name);
      return [{ outputs: [{ ...X, name: "Y", shape: [ran.length], data: ran }] }];
    };`,
  "queue/config.pbtxt": `name: "queue" backend: "javascript" ${number} ${one}`,
  "single/config.pbtxt": `name: "single" backend: "javascript" ${number} ${one}`,
  "stubborn/config.pbtxt": `name: "stubborn" backend: "javascript" ${number} ${one}`,
  "stubborn/1/model.mjs": `import { writeFileSync } from "node:fs";
    export const execute = ([request]) => {
      const { X } = request.inputs;
      if (X.data[0] === 1) writeFileSync(${JSON.stringify(`${gates}-begun`)}, "");
      while (X.data[0] === 1 && !request.isCancelled());
      return [{ outputs: [{ ...X, name: "Y" }] }];
    };`,
  "early/config.pbtxt": `name: "early" backend: "javascript" ${number} ${one}`,
  "early/1/model.mjs": `let first;
    export async function initialize({ infer }) {
      first = await infer({ model: "types", inputs: [{ name: "in ä int32", datatype: "INT32", shape: [1, 1], data: [41] }], outputs: ["out ä int32"] }).catch(error => error.message);
    }
    export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }], parameters: { first: String(first) } }));`,
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const line = files["line/1/model.mjs"];
  server = await startServer(repository([], { ...files, "single/1/model.mjs": line, "queue/1/model.mjs": line }));
});
afterAll(() => server.stop());

interface Answer {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly outputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: number[];
    readonly data: unknown[];
  }[];
}
const ask = async (model: string, data: readonly number[], signal?: AbortSignal): Promise<unknown[]> => {
  const inputs = [{ name: "X", shape: [data.length], datatype: "INT32", data }];
  const init = { method: "POST", body: JSON.stringify({ inputs }), ...(signal && { signal }) };
  const { status, body } = await server.json(`/v2/models/${model}/infer`, init);
  if (status !== 200) throw new Error((body as { error: string }).error);
  return (body as Answer).outputs[0]!.data;
};

// 600 rows are more than fit a ring's message, 40 less; none is a shape too.
test.each([0, 1, 40, 600, 9000])("every datatype is returned unchanged, %i rows", async rows => {
  const value = (row: (typeof DATATYPES)[number], i: number): unknown => {
    if (row.kind === "string") return ["", "a", "ünï", "\u{1f600}".repeat(i % 7)][i % 4];
    if (row.kind === "bool") return i % 2 === 0;
    return row.kind === "float" ? i / 4 : i % 100;
  };
  const sent = DATATYPES.filter(({ name }) => name !== "float16" && name !== "bfloat16").map(row => ({
    name: `in ä ${row.name}`,
    datatype: row.wire,
    shape: [rows, 1],
    data: Array.from({ length: rows }, (_, i) => value(row, i)),
  }));
  const halves = [
    { name: "in ä float16", datatype: "FP16", shape: [rows, 1] },
    { name: "in ä bfloat16", datatype: "BF16", shape: [rows, 1] },
  ];
  const bits = Buffer.from(Uint16Array.from({ length: rows }, (_, i) => i).buffer);
  const parameters = { text: "ß", whole: 7, half: 0.5, yes: true };
  const inputs = [...sent, ...halves.map(half => ({ ...half, parameters: { binary_data_size: bits.length } }))];
  const outputs = halves.map(({ name }) => ({ name: name.replace("in", "out"), parameters: { binary_data: true } }));
  const wanted = [...sent.map(({ name }) => ({ name: name.replace("in", "out") })), ...outputs];
  const head = Buffer.from(JSON.stringify({ id: "id é", parameters, inputs, outputs: wanted }));
  const response = await fetch(`${server.http}/v2/models/types/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": String(head.length) },
    body: Buffer.concat([head, bits, bits]),
  });
  const whole = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get("inference-header-content-length") ?? whole.length);
  const answer = JSON.parse(whole.subarray(0, length).toString()) as Answer;
  expect(answer.parameters).toEqual({ ...parameters, id: "id é" });
  for (const { name, datatype, shape, data } of sent)
    expect(answer.outputs.find(output => output.name === name.replace("in", "out"))).toEqual({
      ...{ name: name.replace("in", "out"), datatype, shape, data },
    });
  expect(whole.subarray(length).equals(Buffer.concat([bits, bits]))).toBe(true);
});

test.each([
  [20_000, 1],
  [300, 6000],
])("%i answers of %i numbers, given at once, arrive in order", async (count, size) => {
  const response = await fetch(`${server.http}/v2/models/many/generate_stream`, {
    method: "POST",
    body: JSON.stringify({ X: [count, size] }),
  });
  const firsts = [...(await response.text()).matchAll(/"Y":\[?(\d+)/g)].map(([, text]) => Number(text));
  expect(firsts).toEqual(Array.from({ length: count }, (_, i) => i));
});

/** Resolves when this number of the model's requests waits. */
async function waitUntilPending(model: string, count: number): Promise<void> {
  await until(`${count} requests of ${model} wait`, async () => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    const found = new RegExp(`nv_inference_pending_request_count\\{model="${model}"[^}]*\\} (\\d+)`).exec(text);
    return found?.[1] === String(count);
  });
}

test("requests that wait in a thread's own queue run in order, and are removed with their client", async () => {
  const gone = new AbortController();
  const first = ask("queue", [1, 1]);
  await until("the first one runs", () => existsSync(`${gates}-begun1`));
  const others: Promise<unknown>[] = [];
  for (const [i, signal] of [undefined, gone.signal, undefined].entries()) {
    await waitUntilPending("queue", i);
    others.push(ask("queue", [0, i + 2], signal).catch(error => (error as Error).name));
    await waitUntilPending("queue", i + 1);
  }
  gone.abort();
  await waitUntilPending("queue", 2);
  open(1);
  expect(await first).toEqual([1]);
  expect(await Promise.all(others)).toEqual([[1, 2], "AbortError", [1, 2, 4]]);
});

test("an instance with nothing to do takes over what waits at another; statistics count each once", async () => {
  const two = [ask("line", [2, 1]), ask("line", [3, 2])];
  // Requests of several connections may arrive in another order than they were sent.
  await until("both run", () => [2, 3].every(gate => existsSync(`${gates}-begun${gate}`)));
  const waiting: Promise<unknown>[] = [];
  for (const name of [3, 4, 5, 6]) waiting.push(ask("line", [0, name]));
  await waitUntilPending("line", 4);
  open(2);
  await Promise.all(waiting);
  await waitUntilPending("line", 0);
  open(3);
  await Promise.all(two);
  const { body } = await server.json("/v2/models/line/stats");
  expect((body as { model_stats: unknown[] }).model_stats[0]).toMatchObject({ inference_count: 6, execution_count: 6 });
});

test("a thread that dies takes only what it had begun with it", async () => {
  const running = ask("single", [4, 7]);
  const fatal = ask("single", [0, -1]).catch(error => (error as Error).message);
  await waitUntilPending("single", 1);
  const after = [];
  for (const name of [8, 9]) {
    after.push(ask("single", [0, name]));
    await waitUntilPending("single", name - 6);
  }
  open(4);
  expect(await running).toContain(7);
  expect(await fatal).toContain("the model's thread has ended");
  // A fresh thread remembers nothing of the one before.
  expect(await Promise.all(after)).toEqual([[8], [8, 9]]);
});

test("a model that never yields its thread sees that the client has disconnected", async () => {
  const gone = new AbortController();
  const endless = expect(ask("stubborn", [1], gone.signal)).rejects.toThrow();
  await expect.poll(() => existsSync(`${gates}-begun`)).toBe(true);
  gone.abort();
  await endless;
  expect(await ask("stubborn", [2])).toEqual([2]);
});

test("a model may call another while it initializes", async () => {
  const { body } = await server.post("/v2/models/early/infer", {
    inputs: [{ name: "X", shape: [1], datatype: "INT32", data: [1] }],
  });
  expect((body as Answer).parameters.first).toMatch(
    /not (found|at ready state)|no available versions|expected \d+ inputs/,
  );
});
