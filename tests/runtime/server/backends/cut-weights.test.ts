/**
 * Weights that a model keeps in a file beside it, truncated or overwritten while it is served: the model keeps answering from its own
 * copies. If weights are too large to be copied, a request after the truncation is refused with the file's name. Otherwise ONNX Runtime
 * would read a missing page, and the process would end with SIGBUS.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor } from "onnxruntime-node";
import { afterEach, expect, test, vi } from "vitest";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { checkMapped } from "#runtime/server/backends/onnx-mapped.js";
import { ownFiles } from "#runtime/server/backends/onnx-own-files.js";
import { openSession } from "#runtime/server/backends/onnx-session.js";
import { elapse } from "../../../run/wait.js";
import { repository, startServer } from "../support.js";

/** Enough that a run takes milliseconds, so that runs go to a thread with a session of its own. */
const COUNT = 6_000_000;
const ones = new Float32Array(COUNT).fill(1);
/** x → the sum of x times each of the weights in `folder/weights.bin`. */
const SUM = printOnnxModel({
  name: "sum",
  opsets: { "": 17 },
  inputs: [{ name: "x", dtype: "float32", shape: [1] }],
  outputs: [{ name: "sum", dtype: "float32", shape: [1] }],
  nodes: [
    { op: "Mul", inputs: ["weights", "x"], outputs: ["all"] },
    { op: "ReduceSum", inputs: ["all"], outputs: ["sum"] },
  ],
  constants: {
    weights: {
      dtype: "float32",
      shape: [COUNT],
      values: [],
      external: { location: "folder/weights.bin", offset: 0, length: ones.byteLength },
    },
  },
});
const linux = process.platform === "linux";
afterEach(() => vi.unstubAllEnvs());

test.runIf(linux)("a file of weights that is cut and written over while the model runs", async () => {
  const copies = mkdtempSync(join(tmpdir(), "merlon-copies-"));
  vi.stubEnv("TMPDIR", copies);
  const folder = repository([], {
    "sum/config.pbtxt": `name: "sum"\nbackend: "onnxruntime"\nmax_batch_size: 0\ninput { name: "x" data_type: TYPE_FP32 dims: [ 1 ] }\noutput { name: "sum" data_type: TYPE_FP32 dims: [ 1 ] }`,
    "sum/1/model.onnx": Buffer.from(SUM),
    "sum/1/folder/weights.bin": Buffer.from(ones.buffer),
  });
  const file = join(folder, "sum/1/folder/weights.bin");
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["sum"] });
  const ask = () =>
    server.post("/v2/models/sum/infer", { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [2] }] });
  const good = { status: 200, body: { outputs: [{ data: [2 * COUNT] }] } };
  try {
    for (let i = 0; i < 6; i++) {
      const running = ask();
      await elapse(2 * i);
      if (i % 2) writeFileSync(file, new Uint8Array(ones.byteLength).fill(7));
      else truncateSync(file, 4096);
      expect(await running).toMatchObject(good);
    }
    // A file that is cut when it is loaded is a fault of the load, in the folder's name.
    truncateSync(file, 4096);
    writeFileSync(join(folder, "sum/1/touched"), "");
    const refused = await server.post("/v2/repository/models/sum/load", {});
    expect(refused).toMatchObject({ status: 400, body: { error: expect.stringMatching(/weights/) } });
    expect(JSON.stringify(refused.body)).not.toContain("merlon-weights-");
    expect(await ask()).toMatchObject(good);
    // A thread may be about to open its own copies.
    const left = () => readdirSync(copies).filter(name => name.startsWith("merlon-weights-"));
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  } finally {
    await server.stop();
    rmSync(copies, { recursive: true });
  }
});

test.runIf(linux)("weights that are mapped where they are, since there is no room for copies", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-mapped-"));
  mkdirSync(join(folder, "folder"));
  const [model, file] = [join(folder, "model.onnx"), join(folder, "folder/weights.bin")];
  writeFileSync(model, SUM);
  writeFileSync(file, ones);
  copyFileSync(file, `${file}.whole`);
  vi.stubEnv("TMPDIR", join(folder, "not-there"));
  expect(ownFiles(model)).toBeUndefined();
  const session = checkMapped(await openSession(model, { executionProviders: ["cpu"] }), model);
  const ask = async () => (await session.run({ x: new Tensor("float32", [2], [1]) }, ["sum"])).sum!.data[0];
  try {
    expect(await ask()).toBe(2 * COUNT);
    truncateSync(file, 4096);
    for (let i = 0; i < 3; i++)
      await expect(ask()).rejects.toThrow(
        /weights\.bin has 4096 bytes, and had 24000000 when the model was loaded: .* Restore the whole file/,
      );
    copyFileSync(`${file}.whole`, file);
    expect(await ask()).toBe(2 * COUNT);
  } finally {
    await session.release();
    rmSync(folder, { recursive: true });
  }
});
