/** Ends while a model's run is in native code: sessions, models, the server and the process wait for the run, and none of them crashes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { graphBuilder } from "#compiler/onnx/graph-builder.js";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { elapse } from "../../../run/wait.js";
import { end, type ServerProcess, startProcess } from "../../../walls/support/server-process.js";
import { repository } from "../support.js";

/** X · X · X …: some 50 ms for this number of rows. */
const SIDE = 512;
function powers(): Uint8Array {
  const graph = graphBuilder();
  const x = graph.input("X", "float32", ["n", "n"]);
  let product = x;
  for (let i = 0; i < 16; i++) product = graph.op("MatMul", [product, x], "float32");
  graph.output("Y", product, ["n", "n"]);
  return printOnnxModel(graph.finish("powers", { ir: 8, opset: 18, ml: 3 }));
}

const CONFIG = `name: "powers" backend: "onnxruntime" max_batch_size: 0
  input [ { name: "X" data_type: TYPE_FP32 dims: [-1, -1] } ] output [ { name: "Y" data_type: TYPE_FP32 dims: [-1, -1] } ]
  instance_group [ { kind: KIND_CPU count: 2 } ]`;
const folder = repository([], { "powers/config.pbtxt": CONFIG, "powers/1/model.onnx": Buffer.from(powers()) });

const HEAD = JSON.stringify({
  inputs: [{ name: "X", datatype: "FP32", shape: [SIDE, SIDE], parameters: { binary_data_size: SIDE * SIDE * 4 } }],
  outputs: [{ name: "Y", parameters: { binary_data: true } }],
});
const BODY = Buffer.concat([Buffer.from(HEAD), Buffer.from(new Float32Array(SIDE * SIDE).fill(0.001).buffer)]);

let server: ServerProcess | undefined;
afterEach(async () => {
  if (server) await end(server);
  server = undefined;
});

/** @returns the status; 0 for a connection that was cut */
const infer = (port: number): Promise<number> =>
  fetch(`http://127.0.0.1:${port}/v2/models/powers/infer`, {
    method: "POST",
    headers: { "Inference-Header-Content-Length": String(Buffer.byteLength(HEAD)) },
    body: BODY,
  }).then(
    async answer => {
      await answer.arrayBuffer();
      return answer.status;
    },
    () => 0,
  );

async function startBusy(): Promise<{ port: number; load(): { stop(): Promise<number[]> } }> {
  server = await startProcess("merlon", folder, ["--model-control-mode=explicit", "--load-model=powers"]);
  const port = server.ports.http;
  // Runs go to threads once they are known to be long.
  for (let i = 0; i < 8; i++) expect(await infer(port)).toBe(200);
  return {
    port,
    load() {
      const statuses: number[] = [];
      let goesOn = true;
      const loops = Array.from({ length: 3 }, async () => {
        while (goesOn) statuses.push(await infer(port));
      });
      return {
        async stop() {
          goesOn = false;
          await Promise.all(loops);
          return statuses;
        },
      };
    },
  };
}

const control = (port: number, action: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v2/repository/models/powers/${action}`, { method: "POST" });

test("unloading and loading again under long runs", async () => {
  const { port, load } = await startBusy();
  const going = load();
  for (let i = 0; i < 4; i++) {
    await elapse(100 + 37 * i);
    expect((await control(port, "unload")).status).toBe(200);
    expect((await control(port, "load")).status).toBe(200);
  }
  const statuses = await going.stop();
  expect(statuses.filter(status => ![200, 404, 503].includes(status))).toEqual([]);
  expect(server!.child.exitCode ?? server!.child.signalCode).toBe(null);
  expect(await infer(port)).toBe(200);
}, 60_000);

test("SIGTERM in long runs answers them and ends with 0", async () => {
  const { port } = await startBusy();
  const asked = Array.from({ length: 3 }, () => infer(port));
  await elapse(30);
  server!.child.kill("SIGTERM");
  expect(await Promise.all(asked)).toEqual([200, 200, 200]);
  expect(await server!.exited).toBe(0);
}, 60_000);

/** A process that ends in the ways that a program of a user ends. */
const SCRIPT = `
import * as ort from "onnxruntime-node";
import { openSession } from "#runtime/server/backends/onnx-session.js";
const feeds = { X: new ort.default.Tensor("float32", new Float32Array(${SIDE * SIDE}).fill(0.001), [${SIDE}, ${SIDE}]) };
const use = { instances: 2, large: process.argv[2] === "opening" };
const session = await openSession(process.argv[1], { executionProviders: ["cpu"], logSeverityLevel: 4, intraOpNumThreads: 1 }, use);
const ways = {
  // A large model's first run starts its thread.
  opening: () => void session.run(feeds, ["Y"]),
  async release() {
    const running = session.run(feeds, ["Y"]);
    await new Promise(resolve => setTimeout(resolve, 10));
    await session.release();
    console.log((await running).Y.dims.join());
  },
  async exit() {
    session.run(feeds, ["Y"]);
    await new Promise(resolve => setTimeout(resolve, 10));
    process.exit(0);
  },
};
if (process.argv[2] !== "opening") for (let i = 0; i < 8; i++) await session.run(feeds, ["Y"]);
await ways[process.argv[2]]();
`;

test.each([
  ["opening", ""],
  ["release", `${SIDE},${SIDE}\n`],
  ["exit", ""],
])(
  "a process that ends in a run: %s",
  async (way, said) => {
    // Names of packages are looked up from the tests' own folder.
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", SCRIPT, join(folder, "powers/1/model.onnx"), way],
      {
        cwd: new URL("../../../..", import.meta.url).pathname,
        env: { ...process.env, ORT_DISABLE_TELEMETRY: "1" },
      },
    );
    let [out, errors] = ["", ""];
    child.stdout.on("data", chunk => (out += chunk));
    child.stderr.on("data", chunk => (errors += chunk));
    const [code, signal] = await once(child, "exit");
    expect({ code, signal, out, errors }).toEqual({ code: 0, signal: null, out: said, errors: "" });
  },
  60_000,
);
