/**
 * Weights that a model keeps in a file beside it, cut while it is served: the request is refused with the file's name, the process lives, and the model
 * answers again when the file is back. Without the look at the file's size ONNX Runtime reads a page that is gone, and the process ends with SIGBUS.
 */
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { printOnnxModel } from "#triton-protos/artefacts/onnx-model.js";
import { repository, startServer } from "./support.js";

const [ROWS, WIDTH] = [50_000, 16];
const table = new Float32Array(ROWS * WIDTH).map((_, i) => i);
const MODEL = printOnnxModel({
  name: "table",
  opsets: { "": 17 },
  inputs: [{ name: "id", dtype: "int64", shape: ["n"] }],
  outputs: [{ name: "vector", dtype: "float32", shape: ["n", WIDTH] }],
  nodes: [{ op: "Gather", inputs: ["table", "id"], outputs: ["vector"] }],
  constants: {
    table: {
      dtype: "float32",
      shape: [ROWS, WIDTH],
      values: [],
      external: { location: "table.bin", offset: 0, length: table.byteLength },
    },
  },
});

test.runIf(process.platform === "linux")("a file of weights that is cut while it is served", async () => {
  const folder = repository([], {
    "table/config.pbtxt": `name: "table"\nbackend: "onnxruntime"\nmax_batch_size: 0\ninput { name: "id" data_type: TYPE_INT64 dims: [ -1 ] }\noutput { name: "vector" data_type: TYPE_FP32 dims: [ -1, ${WIDTH} ] }`,
    "table/1/model.onnx": Buffer.from(MODEL),
    "table/1/table.bin": Buffer.from(table.buffer),
  });
  const file = join(folder, "table/1/table.bin");
  const server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["table"] });
  const ask = () =>
    server.post("/v2/models/table/infer", {
      inputs: [{ name: "id", shape: [1], datatype: "INT64", data: [ROWS - 1] }],
    });
  const good = { status: 200, body: { outputs: [{ data: expect.arrayContaining([ROWS * WIDTH - 1]) }] } };
  try {
    copyFileSync(file, `${file}.whole`);
    expect(await ask()).toMatchObject(good);
    truncateSync(file, 4096);
    for (let i = 0; i < 3; i++)
      expect(await ask()).toMatchObject({
        status: 500,
        body: {
          error: expect.stringMatching(
            /table\.bin has 4096 bytes, and had 3200000 when the model was loaded: .* Put the whole file back/,
          ),
        },
      });
    copyFileSync(`${file}.whole`, file);
    writeFileSync(join(folder, "table/1/touched"), "");
    expect((await server.post("/v2/repository/models/table/load", {})).status).toBe(200);
    expect(await ask()).toMatchObject(good);
  } finally {
    await server.stop();
  }
});
