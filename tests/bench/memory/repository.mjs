/** A model repository of about a gigabyte, with each kind of artefact that a process could hold for itself. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { printOnnxModel } from "../../../dist/formats/onnx/onnx-model.js";
import { printEmbeddingTable } from "../../../dist/formats/tables/embedding-table.js";
import { printVocabulary } from "../../../dist/operators/categorify/kernel-vocabulary.js";
import { writeFeastRepository } from "../../../dist/runtime/stores/feast/write-repository.js";

const D = 128;
let state = 88172645;
/** Floats from -0.5 to 0.5, equal for equal calls. */
function noise(count) {
  const made = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    made[i] = (state | 0) / 2 ** 32;
  }
  return made;
}
const bytesOf = array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const column = (name, dtype, rest = {}) => ({ name, dtype, rows: "request", tags: [], properties: {}, ...rest });
const at = (step, name) => ({ name, step, column: name });

/** Writes a model of one step. @returns its version folder, for the step's artefacts */
function model(repository, name, input, step, outputs, dims) {
  const folder = join(repository, name, "1");
  mkdirSync(folder, { recursive: true });
  const plan = {
    format: "merlon/plan",
    version: 1,
    kind: step.op === "categorify" ? "workflow" : "ensemble",
    name,
    inputs: [input],
    steps: [{ id: "step", label: "step", inputs: { input: [at("request", input.name)] }, outputs, ...step }],
    outputs: outputs.map(schema => ({ ref: at("step", schema.name), schema })),
  };
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
  const types = { int64: "TYPE_INT64", float32: "TYPE_FP32", string: "TYPE_STRING" };
  const side = (key, list) =>
    list
      .map(({ name, dtype }, i) => `${key} [{ name: "${name}" data_type: ${types[dtype]} dims: [ ${dims[key][i]} ] }]`)
      .join("\n");
  const text = `backend: "merlon"\nmax_batch_size: 64\n${side("input", [input])}\n${side("output", outputs)}\n`;
  writeFileSync(join(repository, name, "config.pbtxt"), text);
  return folder;
}

function flatIndex(file, count) {
  const head = Buffer.alloc(45);
  head.write("IxFI");
  head.writeInt32LE(D, 4);
  head.writeBigInt64LE(BigInt(count), 8);
  head.writeBigInt64LE(1n << 20n, 16);
  head.writeBigInt64LE(1n << 20n, 24);
  head.writeUInt8(1, 32);
  head.writeBigUInt64LE(BigInt(count * D), 37);
  const to = openSync(file, "w");
  writeSync(to, head);
  for (let rows = 0; rows < count; rows += 10_000) writeSync(to, bytesOf(noise(10_000 * D)));
  closeSync(to);
}

function builtIndex(file, factory, count, trained) {
  const { Index } = createRequire(import.meta.url)("faiss-node");
  const index = Index.fromFactory(D, factory, 0);
  if (trained > 0) index.train(Array.from(noise(trained * D)));
  for (let rows = 0; rows < count; rows += 10_000) index.add(Array.from(noise(10_000 * D)));
  index.write(file);
}

function faiss(repository, name, write) {
  const query = column("query", "float32", { list: { min: D, max: D } });
  const found = column("ids", "int64", { rows: "step" });
  const folder = model(
    repository,
    name,
    query,
    { op: "queryFaiss", params: { path: "i", topk: 10, includeDistances: false }, artefacts: { index: "i.faiss" } },
    [found],
    { input: [D], output: [-1] },
  );
  write(join(folder, "i.faiss"));
}

function vocabulary(repository, name, dtype, values) {
  const folder = model(
    repository,
    name,
    column("item", dtype),
    {
      op: "categorify",
      params: {
        freqThreshold: 0,
        maxSize: 0,
        numBuckets: 1,
        encodeType: "joint",
        vocabs: {},
        singleTable: false,
        groups: [],
        outDtype: "int64",
      },
      state: { columns: { item: { vocabulary: "item.arrow", cardinality: values.length + 3 } } },
    },
    [column("item", "int64")],
    { input: [1], output: [1] },
  );
  writeFileSync(
    join(folder, "item.arrow"),
    printVocabulary({ dtype, values, counts: new BigInt64Array(values.length).fill(1n) }),
  );
}

function embeddings(repository, count, dimension) {
  const folder = model(
    repository,
    "embedding",
    column("item", "int64"),
    {
      op: "queryEmbedding",
      params: { path: "t", onMissing: "zero", memoryMb: 1024, dimension, name: "vector" },
      artefacts: { table: "table" },
    },
    [column("vector", "float32", { list: { min: dimension, max: dimension } })],
    { input: [1], output: [dimension] },
  );
  mkdirSync(join(folder, "table"));
  writeFileSync(join(folder, "table", "table.json"), printEmbeddingTable(count, dimension));
  writeFileSync(
    join(folder, "table", "keys.i64"),
    bytesOf(BigInt64Array.from({ length: count }, (_, i) => BigInt(3 * i))),
  );
  writeFileSync(join(folder, "table", "vectors.f32"), bytesOf(noise(count * dimension)));
}

function features(repository, count) {
  const names = ["price", "weight", "age"];
  const folder = model(
    repository,
    "features",
    column("item", "int64"),
    {
      op: "queryFeast",
      params: {
        repository: "f",
        view: "items",
        entityColumn: "item",
        includeId: false,
        prefix: "",
        onMissing: "null",
        features: Object.fromEntries([...names, "brand"].map(name => [name, name])),
      },
      artefacts: { repository: "store" },
    },
    [...names.map(name => column(name, "float32")), column("brand", "string")],
    { input: [1], output: [1, 1, 1, 1] },
  );
  const ids = Array.from({ length: count }, (_, i) => i * 7);
  const source = { name: "items", path: "items.parquet", timestampField: "event" };
  const rows = { item: ids, brand: ids.map(i => `brand ${i % 900}`) };
  for (const name of names) rows[name] = ids.map(i => i / 4);
  writeFeastRepository(join(folder, "store"), {
    project: "bench",
    timestamp: 1_700_000_000,
    entities: [{ name: "item", joinKey: "item", type: "INT64" }],
    views: [
      {
        name: "items",
        entities: ["item"],
        source,
        features: [...names.map(name => ({ name, type: "FLOAT" })), { name: "brand", type: "STRING" }],
        rows,
      },
    ],
  });
}

/** @param external the weights are in a file beside the model */
function table(repository, name, rows, width, external) {
  const folder = join(repository, name, "1");
  mkdirSync(folder, { recursive: true });
  const values = noise(rows * width);
  const place = { location: "weights.bin", offset: 0, length: values.byteLength };
  const bytes = printOnnxModel({
    name,
    opsets: { "": 17 },
    inputs: [{ name: "item", dtype: "int64", shape: ["n", 1] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", 1, width] }],
    nodes: [{ op: "Gather", inputs: ["table", "item"], outputs: ["y"] }],
    constants: {
      table: {
        dtype: "float32",
        shape: [rows, width],
        values: external ? [] : values,
        ...(external && { external: place }),
      },
    },
  });
  if (external) writeFileSync(join(folder, "weights.bin"), bytesOf(values));
  writeFileSync(join(folder, "model.onnx"), bytes);
  writeFileSync(join(repository, name, "config.pbtxt"), 'backend: "onnxruntime"\nmax_batch_size: 0\n');
}

function tower(repository, widths) {
  const folder = join(repository, "tower", "1");
  mkdirSync(folder, { recursive: true });
  const layers = widths.slice(1).map((width, i) => [`x${i}`, `w${i}`, widths[i], width, `x${i + 1}`]);
  writeFileSync(
    join(folder, "model.onnx"),
    printOnnxModel({
      name: "tower",
      opsets: { "": 17 },
      inputs: [{ name: "x0", dtype: "float32", shape: ["n", widths[0]] }],
      outputs: [{ name: layers.at(-1)[4], dtype: "float32", shape: ["n", widths.at(-1)] }],
      nodes: layers.map(([x, w, , , y]) => ({ op: "MatMul", inputs: [x, w], outputs: [y] })),
      constants: Object.fromEntries(
        layers.map(([, w, from, to]) => [w, { dtype: "float32", shape: [from, to], values: noise(from * to) }]),
      ),
    }),
  );
  writeFileSync(join(repository, "tower", "config.pbtxt"), 'backend: "onnxruntime"\nmax_batch_size: 0\n');
}

/** Trees of one shape: node i of a tree has the children 2i + 1 and 2i + 2. */
function forest(repository, trees, depth) {
  const inner = 2 ** depth - 1;
  const nodes = 2 * inner + 1;
  const each = make => Array.from({ length: trees * nodes }, (_, i) => make(i % nodes, Math.floor(i / nodes)));
  const leaves = make =>
    Array.from({ length: trees * (inner + 1) }, (_, i) => make(inner + (i % (inner + 1)), Math.floor(i / (inner + 1))));
  const folder = join(repository, "forest", "1");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "model.onnx"),
    printOnnxModel({
      name: "forest",
      opsets: { "": 17, "ai.onnx.ml": 3 },
      inputs: [{ name: "x", dtype: "float32", shape: ["n", 32] }],
      outputs: [{ name: "y", dtype: "float32", shape: ["n", 1] }],
      nodes: [
        {
          op: "TreeEnsembleRegressor",
          domain: "ai.onnx.ml",
          inputs: ["x"],
          outputs: ["y"],
          attributes: {
            n_targets: { int: 1 },
            nodes_treeids: { ints: each((_, tree) => tree) },
            nodes_nodeids: { ints: each(node => node) },
            nodes_featureids: { ints: each(node => node % 32) },
            nodes_values: { floats: each(node => ((node * 37) % 100) / 100 - 0.5) },
            nodes_modes: { texts: each(node => (node < inner ? "BRANCH_LEQ" : "LEAF")) },
            nodes_truenodeids: { ints: each(node => (node < inner ? 2 * node + 1 : 0)) },
            nodes_falsenodeids: { ints: each(node => (node < inner ? 2 * node + 2 : 0)) },
            target_treeids: { ints: leaves((_, tree) => tree) },
            target_nodeids: { ints: leaves(node => node) },
            target_ids: { ints: leaves(() => 0) },
            target_weights: { floats: leaves(node => node / 1000) },
          },
        },
      ],
    }),
  );
  writeFileSync(join(repository, "forest", "config.pbtxt"), 'backend: "onnxruntime"\nmax_batch_size: 0\n');
}

/** The makers of the models. @param scale part of the full size */
export const artefacts = scale => {
  const n = count => Math.max(1, Math.round((count * scale) / 10_000)) * 10_000;
  return {
    flat: repository => faiss(repository, "flat", file => flatIndex(file, n(400_000))),
    ivf: repository => faiss(repository, "ivf", file => builtIndex(file, "IVF64,Flat", n(200_000), 4000)),
    hnsw: repository => faiss(repository, "hnsw", file => builtIndex(file, "HNSW16,Flat", n(40_000), 0)),
    numbers: repository =>
      vocabulary(
        repository,
        "numbers",
        "int64",
        BigInt64Array.from({ length: n(1_000_000) }, (_, i) => BigInt(i) * 7919n),
      ),
    texts: repository =>
      vocabulary(
        repository,
        "texts",
        "string",
        Array.from({ length: n(5_000_000) }, (_, i) => `item_${i * 7919}`),
      ),
    features: repository => features(repository, n(200_000)),
    embedding: repository => embeddings(repository, n(250_000), 128),
    gather: repository => table(repository, "gather", n(300_000), 128, false),
    external: repository => table(repository, "external", n(200_000), 128, true),
    tower: repository => tower(repository, [64, 2048, 2048, 2048, 64]),
    forest: repository => forest(repository, 300, 8),
  };
};

/** Inputs of a request of each model: name, datatype, shape, data. @param i another one each time */
export const requestOf = (name, i) => {
  const ids = { name: "item", datatype: "INT64", shape: [1, 1], data: [i * 7919] };
  const query = { name: "query", datatype: "FP32", shape: [1, D], data: Array.from(noise(D)) };
  return {
    flat: query,
    ivf: query,
    hnsw: query,
    numbers: ids,
    texts: { name: "item", datatype: "BYTES", shape: [1, 1], data: [`item_${i * 7919}`] },
    features: { ...ids, data: [i * 7] },
    embedding: { ...ids, data: [3 * i] },
    gather: { ...ids, shape: [1, 1], data: [i] },
    external: { ...ids, shape: [1, 1], data: [i] },
    tower: { name: "x0", datatype: "FP32", shape: [1, 64], data: Array.from(noise(64)) },
    forest: { name: "x", datatype: "FP32", shape: [1, 32], data: Array.from(noise(32)) },
  }[name];
};
