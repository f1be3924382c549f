/**
 * Large tensors of JavaScript models: their memory moves to the model and back, and is used again. A response never contains another
 * request's bytes, for any copy, result or error of a model, and any disconnecting client.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bufferPool, uncountedBuffers } from "#runtime/base/memory/buffer-pool.js";
import { decode } from "#triton-protos/proto-root.js";
import { grpcClient } from "../../../../reliability/support.js";
import { elapse } from "../../../../run/wait.js";
import { repository, startServer } from "../../support.js";

const tensors = (...names: readonly string[]): string =>
  names.map(name => `{ name: "${name}" data_type: TYPE_INT32 dims: [-1] }`).join(", ");
const one = "instance_group [ { count: 1 kind: KIND_CPU } ]";
const model = (name: string, more = "", inputs = ["X"], outputs = ["Y"]): string =>
  `name: "${name}" input [ ${tensors(...inputs)} ] output [ ${tensors(...outputs)} ] ${more}`;
const step = (name: string, input: string, output: string): string =>
  `{ model_name: "${name}" model_version: -1 input_map { key: "X" value: "${input}" } output_map { key: "Y" value: "${output}" } }`;
const ensemble = (name: string, steps: readonly string[], outputs = ["Y"]): string =>
  `${model(name, `platform: "ensemble" ensemble_scheduling { step [ ${steps.join(", ")} ] }`, ["X"], outputs)}`;
const js = `backend: "javascript" ${one}`;

const files = {
  "same/config.pbtxt": model("same", js),
  "same/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
  "plus/config.pbtxt": model("plus", js),
  "plus/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y", data: X.data.map(x => x + 1) }] }));`,
  // Writes into its input, as one may.
  "inPlace/config.pbtxt": model("inPlace", js),
  "inPlace/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => {
      for (let i = 0; i < X.data.length; i++) X.data[i] += 1;
      return { outputs: [{ ...X, name: "Y" }] };
    });`,
  "parts/config.pbtxt": model("parts", js, ["X"], ["Y", "HALF", "FEW"]),
  "parts/1/model.mjs": `export const execute = ([{ inputs: { X } }]) => {
      const half = X.data.length / 2;
      return [{ outputs: [{ ...X, name: "Y" }, { ...X, name: "HALF", shape: [half], data: X.data.subarray(half) }, { ...X, name: "FEW", shape: [2], data: X.data.subarray(5, 7) }] }];
    };`,
  // The first value selects the action: 1 keeps the input and a copy, 2 reports them, 3 answers with them. 4 throws, and 5 ends the thread.
  "keeper/config.pbtxt": model("keeper", js),
  "keeper/1/model.mjs": `let kept, copy;
    export const execute = ([{ inputs: { X } }]) => {
      if (X.data[0] === 1) [kept, copy] = [X, X.data.slice()];
      if (X.data[0] === 2) return [{ outputs: [{ ...X, name: "Y", shape: [3], data: [kept.data.length, copy.length, copy.at(-1)] }] }];
      if (X.data[0] === 3) return [{ outputs: [{ ...kept, name: "Y" }] }];
      if (X.data[0] === 4) throw new Error("no");
      if (X.data[0] === 5) process.exit(1);
      return [{ outputs: [{ ...X, name: "Y" }] }];
    };`,
  // Answers each request of a batch with the input of the other.
  "swap/config.pbtxt": `${model("swap", js)} max_batch_size: 2 dynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 60000000 }`,
  "swap/1/model.mjs": `export const execute = requests => requests.map((_, i) => ({ outputs: [{ ...requests[requests.length - 1 - i].inputs.X, name: "Y" }] }));`,
  "native/config.pbtxt": model("native", `backend: "identity" ${one}`, ["INPUT0"], ["OUTPUT0"]),
  "native/1/.keep": "",
  "cached/config.pbtxt": model("cached", `${js} response_cache { enable: true }`),
  "cached/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
  "late/config.pbtxt": model("late", `${js} response_cache { enable: true }`),
  "late/1/model.mjs": `export const execute = async requests => {
      await new Promise(done => setTimeout(done, 500));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    };`,
  "three/config.pbtxt": ensemble("three", [step("plus", "X", "A"), step("inPlace", "A", "B"), step("same", "B", "Y")]),
  "three/1/.keep": "",
  // One tensor is read by two steps, one of which writes into its input, and is an output as well.
  "fan/config.pbtxt": ensemble(
    "fan",
    [step("same", "X", "A"), step("inPlace", "A", "Y"), step("plus", "A", "Z"), step("inPlace", "X", "W")],
    ["Y", "Z", "A", "W"],
  ),
  "fan/1/.keep": "",
};

let server: Awaited<ReturnType<typeof startServer>>;
let rpc: ReturnType<typeof grpcClient>;
beforeAll(async () => {
  server = await startServer(repository([], files), { cacheSize: 2 ** 25 });
  // Buffers in use are subtracted from V8's count, also where V8 does not allow it.
  uncountedBuffers.use(() => {});
  rpc = grpcClient(server.ports.grpc!);
});
afterAll(async () => {
  rpc.close();
  await server.stop();
});

/** Numbers of one request that no other has. */
const numbers = (count: number, first: number, from = 0): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => (i === 0 ? first : from + i));

/** A client's request, which it may cancel. */
const begin = (name: string, data: Int32Array, shape: readonly number[] = [data.length]) =>
  rpc.beginInfer({
    model_name: name,
    inputs: [{ name: name === "native" ? "INPUT0" : "X", datatype: "INT32", shape: [...shape] }],
    raw_input_contents: [bytesOf(data)],
  });

async function ask(...request: Parameters<typeof begin>) {
  const answer = await begin(...request).answered;
  if (answer.code !== 0) throw new Error(answer.message);
  const { outputs, raw_output_contents } = decode("inference.ModelInferResponse", answer.bytes!);
  return Object.fromEntries(
    outputs.map((output, i) => [output.name, new Int32Array(Uint8Array.from(raw_output_contents[i]!).buffer)] as const),
  );
}
const equal = (a: Int32Array | undefined, b: Int32Array): boolean =>
  !!a && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
const bytesOf = (data: Int32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

test.each([
  ["same", 0],
  ["native", 0],
  ["plus", 1],
  ["inPlace", 1],
  ["three", 2],
])("requests of all sizes at a time are answered with their own bytes: %s", async (name, more) => {
  const output = name === "native" ? "OUTPUT0" : "Y";
  for (let round = 0; round < 2; round++) {
    const sizes = [10, 4000, 5000, 50_000, 2 ** 18, 2 ** 18, 300_000, 17, 2 ** 18];
    const answers = await Promise.all(sizes.map((size, i) => ask(name, numbers(size, 100 + i, 1000 * i + round))));
    for (const [i, answer] of answers.entries())
      expect(
        equal(
          answer[output],
          numbers(sizes[i]!, 100 + i, 1000 * i + round).map(x => x + more),
        ),
      ).toBe(true);
  }
});

test("a tensor that several steps read, and one that is an output too, stay as they were", async () => {
  const asked = numbers(2 ** 16, 7);
  const plus = asked.map(x => x + 1);
  for (let i = 0; i < 3; i++) {
    const { Y, Z, A, W } = await ask("fan", asked);
    expect([equal(Y, plus), equal(Z, plus), equal(A, asked), equal(W, plus)]).toEqual([true, true, true, true]);
  }
});

test("outputs may be the input, a part of it, and a small part of it", async () => {
  const asked = numbers(2 ** 18, 7);
  const { Y, HALF, FEW } = await ask("parts", asked);
  expect(equal(Y, asked) && equal(HALF, asked.subarray(2 ** 17))).toBe(true);
  expect(FEW).toEqual(Int32Array.of(5, 6));
});

test("a large input that a model keeps is empty afterwards, a copy is not; answering with it says what to do", async () => {
  await ask("keeper", numbers(2 ** 18, 1));
  for (let i = 0; i < 5; i++) await ask("keeper", numbers(2 ** 18, 0, 5_000_000));
  expect((await ask("keeper", numbers(2 ** 18, 2))).Y).toEqual(Int32Array.of(0, 2 ** 18, 2 ** 18 - 1));
  await expect(ask("keeper", numbers(3, 3))).rejects.toThrow("output 'Y' is an input of a finished request");
});

test("the same over HTTP, whose requests lend no memory of their own", async () => {
  const over = async (data: Int32Array): Promise<Int32Array> => {
    const head = JSON.stringify({
      inputs: [
        { name: "X", datatype: "INT32", shape: [data.length], parameters: { binary_data_size: data.byteLength } },
      ],
      parameters: { binary_data_output: true },
    });
    const response = await fetch(`${server.http}/v2/models/keeper/infer`, {
      method: "POST",
      headers: { "inference-header-content-length": String(head.length) },
      body: Buffer.concat([Buffer.from(head), bytesOf(data)]),
    });
    const length = Number(response.headers.get("inference-header-content-length"));
    return new Int32Array(Uint8Array.from(Buffer.from(await response.arrayBuffer()).subarray(length)).buffer);
  };
  for (const first of [1, 0, 0]) expect(equal(await over(numbers(2 ** 17, first)), numbers(2 ** 17, first))).toBe(true);
  expect(await over(numbers(2 ** 17, 2))).toEqual(Int32Array.of(0, 2 ** 17, 2 ** 17 - 1));
});

test("an answer may lie in the memory of another request of its batch", async () => {
  for (let i = 0; i < 3; i++) {
    const [a, b] = [numbers(2 ** 17, 1, i), numbers(2 ** 17, 2, 7 * i)];
    const [first, second] = await Promise.all([a, b].map(data => ask("swap", data, [1, data.length])));
    expect(equal(first!.Y, b) && equal(second!.Y, a)).toBe(true);
  }
});

test("what a response cache keeps is not written over", async () => {
  const asked = numbers(2 ** 17, 9);
  for (let i = 0; i < 4; i++) {
    expect(equal((await ask("cached", asked)).Y, asked)).toBe(true);
    await ask("same", numbers(2 ** 17, i));
    await ask("native", numbers(2 ** 17, i));
  }
});

test("a model that throws, or whose thread dies, takes no other request with it", async () => {
  await expect(ask("keeper", numbers(2 ** 17, 4))).rejects.toThrow("no");
  const others = [0, 5, 0, 0].map(first => ask("keeper", numbers(2 ** 17, first)).catch(error => error as Error));
  const [, fatal, ...after] = await Promise.all(others);
  expect(String(fatal)).toContain("the model's thread has ended");
  for (const answer of after) expect(equal((answer as { Y: Int32Array }).Y, numbers(2 ** 17, 0))).toBe(true);
});

test("clients that go away take no memory along, nor give it to others too early", async () => {
  const asked = Array.from({ length: 12 }, (_, i) => begin(i % 2 ? "three" : "native", numbers(2 ** 18, 3)));
  const gone = asked.map(async ({ answered, cancel }, i) => {
    await elapse(i);
    cancel();
    await answered;
  });
  const stay = Array.from({ length: 12 }, (_, i) => ask("three", numbers(2 ** 18, i, i)));
  for (const [i, { Y }] of (await Promise.all(stay)).entries())
    expect(
      equal(
        Y,
        numbers(2 ** 18, i, i).map(x => x + 2),
      ),
    ).toBe(true);
  await Promise.all(gone);
});

test.each(["same", "native", "three", "keeper"])("memory is returned after each request: %s", async name => {
  const askTwenty = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await ask(name, numbers(2 ** 18, 0));
  };
  // Requests are cut into pieces in several ways, and the pool has buffers for all of them only after some.
  await askTwenty();
  const idle = bufferPool.idle;
  expect(idle).toBeGreaterThan(2 ** 20);
  await askTwenty();
  // Unused memory is freed after a while. Small buffers of pieces vary, by 32 to 96 KB in failed runs; a tensor that is returned twice is 1 MB.
  expect(bufferPool.idle).toBeLessThan(idle + 2 ** 19);
  expect(bufferPool.idle).toBeGreaterThan(2 ** 20);
});

test.each([
  ["keeps nothing", "native", 0],
  ["moves it to a thread", "same", 0],
  ["keeps it in a cache", "cached", 0],
  ["fails", "keeper", 4],
  ["ends its thread", "keeper", 5],
])("V8 counts memory after its request again, if it is not idle: a model that %s", async (_, name, first) => {
  for (let i = 0; i < 5; i++) await ask(name, numbers(2 ** 18, first, i)).catch(() => undefined);
  // The memory of a response is returned when that has left.
  await expect.poll(() => uncountedBuffers.bytes - bufferPool.idle, { timeout: 4000 }).toBe(0);
});

test.each([
  ["waits for others", "swap", [1, 2 ** 18]],
  ["was at work", "late", [2 ** 18]],
])("V8 counts the memory of a request that %s again, once its client has left", async (_, name, shape) => {
  const { answered, cancel } = begin(name, numbers(2 ** 18, 3), shape);
  const inUse = () => uncountedBuffers.bytes - bufferPool.idle;
  await expect.poll(inUse).toBeGreaterThanOrEqual(2 ** 20);
  cancel();
  expect(await answered).toMatchObject({ code: 1 });
  await expect.poll(inUse, { timeout: 4000 }).toBe(0);
});
