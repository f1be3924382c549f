// Measures data that onnxruntime-node leaves on a GPU between two models: `node tests/bench/on-device.bench.mjs` (WebGPU, or a software
// Vulkan device). Two layers as two models through memory, as two models with a tensor that stays on the device, and as one graph. Then, in
// a process of its own, the reading back of such a tensor.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { printOnnxModel } from "../../dist/formats/onnx/onnx-model.js";

const ort = createRequire(import.meta.url)("onnxruntime-node");
const [ROWS, WIDTH, ROUNDS] = [256, 512, 31];
const random = n => Float32Array.from({ length: n }, () => (Math.random() - 0.5) / 16);

/** As many layers of `relu(x · w)`, one after the other. */
function layers(count) {
  const names = Array.from({ length: count + 1 }, (_, i) => (i === 0 ? "x" : i === count ? "y" : `h${i}`));
  const value = name => ({ name, dtype: "float32", shape: ["n", WIDTH] });
  return printOnnxModel({
    name: "layers",
    opsets: { "": 17 },
    inputs: [value("x")],
    outputs: [value("y")],
    nodes: names.slice(1).flatMap((name, i) => [
      { op: "MatMul", inputs: [names[i], "w"], outputs: [`${name}_sum`] },
      { op: "Relu", inputs: [`${name}_sum`], outputs: [name] },
    ]),
    constants: { w: { dtype: "float32", shape: [WIDTH, WIDTH], values: random(WIDTH * WIDTH) } },
  });
}

const open = (graph, more = {}) =>
  ort.InferenceSession.create(graph, { executionProviders: ["webgpu", "cpu"], logSeverityLevel: 4, ...more });
const x = new ort.Tensor("float32", random(ROWS * WIDTH), [ROWS, WIDTH]);
const one = layers(1);
// The place of outputs is an option of a session, not of a request.
const staying = await open(one, { preferredOutputLocation: "gpu-buffer" });

if (process.argv[2] === "read") {
  const { y } = await staying.run({ x });
  console.log(`${(await y.getData()).length} values read back`);
} else {
  const [first, second, both] = [await open(one), await open(one), await open(layers(2))];
  const ways = {
    "two models, through memory": async () => second.run({ x: (await first.run({ x })).y }),
    "two models, on the device": async () => second.run({ x: (await staying.run({ x })).y }),
    "one graph": () => both.run({ x }),
  };
  const times = Object.fromEntries(Object.keys(ways).map(name => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(ways)) {
      const began = performance.now();
      await run();
      times[name].push(performance.now() - began);
    }
  for (const [name, list] of Object.entries(times))
    console.log(`${name.padEnd(28)} ${list.sort((a, b) => a - b)[ROUNDS >> 1].toFixed(2)} ms (median of ${ROUNDS})`);
  const { status, signal, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "read"], {
    encoding: "utf8",
  });
  console.log(`reading a tensor back: ${status === 0 ? stdout.trim() : `the process ended with ${signal ?? status}`}`);
}
