/**
 * Weights that processes share, as the kernels of ONNX Runtime pack them. Sessions give the same bits as those of the model itself, and
 * hold no copy.
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Tensor } from "onnxruntime-node";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type OnnxModel, printOnnxModel } from "#formats/onnx/onnx-model.js";
import { provideMapping } from "#runtime/base/shared/mapping.js";
import { closeFiles, ownFiles } from "#runtime/server/backends/onnx-own-files.js";
import { saveOptimized } from "#runtime/server/backends/onnx-packed.js";
import type { Tensors } from "#runtime/server/backends/onnx-run.js";
import { openSession } from "#runtime/server/backends/onnx-session.js";
import { shareFiles } from "#runtime/server/memory/allocator.js";
import { type DType, datatype, type Values } from "#triton-protos/datatype.js";
import { builtUrl } from "../../../needs/built.js";
import { ROOT } from "../../../run/graph.mjs";
import { elapse } from "../../../run/wait.js";
import { repository, startServer } from "../support.js";

const OPTIONS = {
  executionProviders: ["cpu"],
  graphOptimizationLevel: "all",
  intraOpNumThreads: 1,
  logSeverityLevel: 4,
} as const;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-packed-"));
  vi.stubEnv("TMPDIR", folder);
  shareFiles(true);
});
afterEach(() => {
  provideMapping(undefined);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const WIDTH = 1024;
const noise = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898));
const matrix = { dtype: "float32" as const, shape: [WIDTH, WIDTH], values: noise(WIDTH * WIDTH) };
/** x → the same after a layer, which has a matrix of 4 MB. */
const LAYER: OnnxModel = {
  name: "layer",
  opsets: { "": 17 },
  inputs: [{ name: "x", dtype: "float32", shape: ["n", WIDTH] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["n", WIDTH] }],
  nodes: [
    { op: "MatMul", inputs: ["x", "w"], outputs: ["m"] },
    { op: "Relu", inputs: ["m"], outputs: ["y"] },
  ],
  constants: { w: matrix },
};

/** Writes it long enough ago to be known by its time. */
async function write(model: OnnxModel, weights?: Float32Array): Promise<string> {
  const file = join(mkdtempSync(join(folder, "model-")), "model.onnx");
  if (weights) writeFileSync(join(dirname(file), "w.bin"), weights);
  writeFileSync(file, printOnnxModel(model));
  await elapse(40);
  return file;
}

async function runs(
  file: string,
  options: Parameters<typeof openSession>[1],
  feeds: readonly Tensors[],
): Promise<readonly Buffer[]> {
  const session = await openSession(file, options);
  try {
    const found: Buffer[] = [];
    for (const feed of feeds) {
      const { y } = await session.run(feed, ["y"]);
      found.push(Buffer.from((y!.data as Float32Array).slice().buffer));
    }
    return found;
  } finally {
    await session.release();
  }
}

const layerFeeds = [1, 7, 64].map(rows => ({ x: new Tensor("float32", noise(rows * WIDTH), [rows, WIDTH]) }));
const UNOPTIMIZED = { ...OPTIONS, graphOptimizationLevel: "disabled" } as const;
/** Opens a model in a process of its own: prints the bytes by which its private memory grew. */
const GROWTH = `
import { readFileSync } from "node:fs";
import { openSession } from ${JSON.stringify(builtUrl("runtime/server/backends/onnx-session.js"))};
import { loadAllocator } from ${JSON.stringify(builtUrl("runtime/server/memory/allocator.js"))};
const [model, options] = process.argv.slice(-2);
const privateBytes = () => {
  loadAllocator().trim();
  return 1024 * Number(/^Anonymous:\\s+(\\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))[1]);
};
// The library's own memory comes with its first session.
await openSession(${JSON.stringify(join(ROOT, "examples/shop/models/query_tower.onnx"))}, JSON.parse(options));
const before = privateBytes();
await openSession(model, JSON.parse(options));
process.stdout.write(String(privateBytes() - before));
`;
const shared = () => readdirSync(join(folder, `merlon-shared-${process.geteuid!()}`));
const leftovers = () => readdirSync(folder).filter(name => name.startsWith("merlon-weights-"));

describe.runIf(process.platform === "linux")("models on one machine", () => {
  test.each([
    ["in its own file", LAYER, undefined],
    [
      "beside it",
      {
        ...LAYER,
        constants: {
          w: { ...matrix, values: [], external: { location: "w.bin", offset: 0, length: 4 * WIDTH * WIDTH } },
        },
      },
      matrix.values,
    ],
  ])("weights %s are packed once, and sessions give the same bits", async (_, model, weights) => {
    const file = await write(model, weights);
    const [first, second] = [ownFiles(file, { packsFor: OPTIONS })!, ownFiles(file, { packsFor: OPTIONS })!];
    const expected = await runs(file, OPTIONS, layerFeeds);
    for (const own of [first, second]) {
      expect(own.isOptimized).toBe(true);
      // ONNX Runtime's key for the place of a packed matrix.
      expect(readFileSync(own.file).includes("prepacked_0")).toBe(true);
      expect(await runs(own.file, UNOPTIMIZED, layerFeeds)).toEqual(expected);
      own.remove();
      closeFiles(own.copies);
    }
    expect(second.shared.map(({ path }) => path)).toEqual(first.shared.map(({ path }) => path));
    expect(shared()).toContain(basename(first.shared[0]!.path));
    expect(leftovers()).toEqual([]);
  });

  test("a session of packed weights holds no copy of them", async () => {
    const wide = { dtype: "float32" as const, shape: [WIDTH, 8 * WIDTH], values: noise(8 * WIDTH * WIDTH) };
    const file = await write({
      ...LAYER,
      outputs: [{ name: "y", dtype: "float32", shape: ["n", 8 * WIDTH] }],
      constants: { w: wide },
    });
    const bytes = wide.values.byteLength;
    const own = ownFiles(file, { packsFor: OPTIONS })!;
    const grown = (model: string, options: Parameters<typeof openSession>[1]) =>
      Number(execFileSync(process.execPath, ["--input-type=module", "-e", GROWTH, model, JSON.stringify(options)])) /
      bytes;
    expect(grown(file, OPTIONS)).toBeGreaterThan(0.7);
    expect(grown(own.file, UNOPTIMIZED)).toBeLessThan(0.3);
    own.remove();
    closeFiles(own.copies);
  });

  test.each([
    [
      "a convolution, whose weights are laid out in blocks",
      [256, 256, 3, 3],
      [2, 256, 9, 9],
      { op: "Conv", attributes: { pads: { ints: [1, 1, 1, 1] } } },
    ],
    ["a transposed matrix", [1024, 512], [3, 512], { op: "Gemm", attributes: { transB: { int: 1 } } }],
  ])("%s", async (_, shape, dims, node) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const file = await write({
      ...LAYER,
      inputs: [{ name: "x", dtype: "float32", shape: dims }],
      outputs: [{ name: "y", dtype: "float32", shape: dims.map((_, i) => `d${i}`) }],
      nodes: [{ ...node, inputs: ["x", "w"], outputs: ["y"] }],
      constants: { w: { dtype: "float32", shape, values: noise(count) } },
    });
    const own = ownFiles(file, { packsFor: OPTIONS })!;
    const feeds = [{ x: new Tensor("float32", noise(dims.reduce((a, b) => a * b, 1)), dims) }];
    expect(own.isOptimized).toBe(true);
    expect(await runs(own.file, UNOPTIMIZED, feeds)).toEqual(await runs(file, OPTIONS, feeds));
    own.remove();
    closeFiles(own.copies);
  });

  test("a model on disk is packed, and one that a request brings is not", async () => {
    vi.stubEnv("MERLON_SHARED", "on");
    const [bytes, config] = [readFileSync(await write(LAYER)), 'name: "layer"\nbackend: "onnxruntime"\n'];
    const models = repository([], { "layer/config.pbtxt": config, "layer/1/model.onnx": bytes });
    const server = await startServer(models, { modelControlMode: "explicit" });
    // A load opens the file twice. Younger than 20 ms it would have another identity, and a copy, each time.
    const now = Date.now.bind(Date);
    vi.spyOn(Date, "now").mockImplementation(() => now() + 1000);
    onTestFinished(() => void vi.restoreAllMocks());
    const packed = () =>
      shared().filter(name =>
        readFileSync(join(folder, `merlon-shared-${process.geteuid!()}`, name)).includes("prepacked_0"),
      );
    try {
      const upload = { config: '{"backend":"onnxruntime"}', "file:1/model.onnx": bytes.toString("base64") };
      const load = (parameters: object) => server.post("/v2/repository/models/layer/load", { parameters });
      expect(await load(upload)).toMatchObject({ status: 200 });
      expect(shared()).toHaveLength(1);
      expect(packed()).toEqual([]);
      expect(await server.post("/v2/repository/models/layer/unload", {})).toMatchObject({ status: 200 });
      expect(await load({})).toMatchObject({ status: 200 });
      expect(packed()).toHaveLength(1);
    } finally {
      await server.stop();
    }
  });

  test("another level of optimization is another file, and none is not packed", async () => {
    const file = await write(LAYER);
    const paths = (["all", "basic", "disabled"] as const).map(graphOptimizationLevel => {
      const own = ownFiles(file, { packsFor: { ...OPTIONS, graphOptimizationLevel } })!;
      own.remove();
      closeFiles(own.copies);
      return own.isOptimized && own.shared[0]!.path;
    });
    expect(paths[2]).toBe(false);
    expect(new Set(paths).size).toBe(3);
  });

  test("a small model that folds to large constants is shared as it is", async () => {
    const constants = {
      w: { ...matrix, shape: [WIDTH * WIDTH] },
      times: { dtype: "int64" as const, shape: [1], values: [40] },
    };
    const file = await write({
      ...LAYER,
      inputs: [{ name: "x", dtype: "float32", shape: [1] }],
      outputs: [{ name: "y", dtype: "float32", shape: [40 * WIDTH * WIDTH] }],
      nodes: [
        { op: "Tile", inputs: ["w", "times"], outputs: ["many"] },
        { op: "Mul", inputs: ["many", "x"], outputs: ["y"] },
      ],
      constants,
    });
    const own = ownFiles(file, { packsFor: OPTIONS })!;
    expect(own.isOptimized).toBe(false);
    expect(shared().map(name => statSync(join(folder, `merlon-shared-${process.geteuid!()}`, name)).size)).toEqual([
      expect.toSatisfy((size: number) => size < 1.1 * matrix.values.byteLength),
    ]);
    own.remove();
    closeFiles(own.copies);
    expect(leftovers()).toEqual([]);
  });

  test("a model that ONNX Runtime refuses is refused in its own words", async () => {
    const file = await write({ ...LAYER, nodes: [{ op: "MatMul", inputs: ["x", "nothing"], outputs: ["y"] }] });
    const own = ownFiles(file, { packsFor: OPTIONS })!;
    expect(own.isOptimized).toBe(false);
    await expect(openSession(own.file, OPTIONS)).rejects.toThrow(/nothing/);
    own.remove();
    closeFiles(own.copies);
    expect(leftovers()).toEqual([]);
  });
});

const FIXTURES = globSync("{tests,examples}/**/*.onnx", { cwd: ROOT }).filter(name => !name.includes("/.work/"));

/** Values that suit most models: small numbers. */
function valuesOf(dtype: DType, count: number): Values {
  const { array, kind } = datatype(dtype);
  if (!array) return Array.from({ length: count }, (_, i) => `${i % 3}`);
  const isWide = dtype === "int64" || dtype === "uint64";
  const modulus = kind === "bool" ? 2 : 3;
  return (array as Float64ArrayConstructor).from(
    { length: count },
    (_, i) => (isWide ? BigInt(i % modulus) : i % modulus) as number,
  );
}

test.each(FIXTURES)("%s gives the same as its optimized graph", async name => {
  const file = join(ROOT, name);
  const found = async (model: string, options: Parameters<typeof openSession>[1]) => {
    const session = await openSession(model, options).catch((error: Error) => error);
    if (session instanceof Error) return session.message.replaceAll(dirname(model), "");
    try {
      const feeds = Object.fromEntries(
        session.graph.inputs.map(({ name, dtype, shape }) => {
          const dims = shape.map(dim => (dim < 0 ? 2 : dim));
          const values = valuesOf(
            dtype,
            dims.reduce((a, b) => a * b, 1),
          );
          return [name, new Tensor(dtype as "float32", values as Float32Array, dims)];
        }),
      );
      const outputs = await session
        .run(
          feeds,
          session.graph.outputs.map(({ name }) => name),
        )
        .catch((error: Error) => error);
      return {
        graph: session.graph,
        outputs:
          outputs instanceof Error
            ? outputs.message
            : Object.entries(outputs).map(([name, { type, dims, data }]) => ({ name, type, dims, data })),
      };
    } finally {
      await session.release();
    }
  };
  const expected = await found(file, OPTIONS);
  const optimized = (() => {
    try {
      return saveOptimized(file, folder, OPTIONS);
    } catch (error) {
      return error as Error;
    }
  })();
  if (optimized instanceof Error) expect(optimized.message.replaceAll(dirname(file), "")).toBe(expected);
  else expect(await found(optimized, UNOPTIMIZED)).toEqual(expected);
});
