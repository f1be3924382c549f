/** Threads of ONNX models: a stock Triton would give all cores to each instance of each small graph. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { withStockThreads } from "#compiler/5-emit/onnx-threads.js";
import type { RepositoryModel } from "#compiler/5-emit/repository-model.js";
import { build } from "#compiler/index.js";
import { ONE_THREAD_BYTES } from "#contract/onnx-threads.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { compiledProgram } from "./onnx/both-servers.js";

const ROOT = join(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "merlon-threads-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHOP = readFileSync(join(ROOT, "examples/shop/recommend.ensemble.ts"), "utf8").replaceAll(
  /"(features|etl|models|index)(\/[^"]*)?"/g,
  (_, first: string, rest = "") => JSON.stringify(join(ROOT, "examples/shop", first + rest)),
);

/** @returns the threads of each model of the built repository */
async function threadsOf(name: string, options: string, triton?: { readonly fuse: boolean }) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, SHOP.replace('ensemble("recommend", ordering)', `ensemble("recommend", ordering, ${options})`));
  const out = join(folder, name);
  build(await compiledProgram(file), out, triton ? { triton: { freeze: freezeFeatures, ...triton } } : {});
  const models = readdirSync(out).map(model => {
    const config = readFileSync(join(out, model, "config.pbtxt"), "utf8");
    const backend = /backend: "(\w+)"/.exec(config)?.[1];
    return { backend, threads: /key: "intra_op_thread_count"\s+value \{\s+string_value: "(\d+)"/.exec(config)?.[1] };
  });
  const onnx = models.filter(({ backend }) => backend === "onnxruntime").map(({ threads }) => threads);
  const others = models.filter(({ backend, threads }) => backend !== "onnxruntime" && threads !== undefined);
  return { count: onnx.length, threads: [...new Set(onnx)], others };
}

describe("a built repository", () => {
  test("for a stock Triton, small graphs and small models compute in one thread", async () => {
    expect(await threadsOf("steps", "{}", { fuse: false })).toEqual({ count: 10, threads: ["1"], others: [] });
    expect(await threadsOf("fused", "{}", { fuse: true })).toEqual({ count: 1, threads: ["1"], others: [] });
  });

  test("`onnxThreads` sets another number", async () => {
    const options = "{ onnxThreads: 4 }";
    expect(await threadsOf("four", options, { fuse: false })).toEqual({ count: 10, threads: ["4"], others: [] });
    expect(await threadsOf("one-graph", options, { fuse: true })).toEqual({ count: 1, threads: ["4"], others: [] });
    expect(await threadsOf("merlon-four", options)).toEqual({ count: 2, threads: ["4"], others: [] });
  });
});

describe("a model of a stock Triton", () => {
  const model = (size: number, backend = "onnxruntime"): RepositoryModel => {
    writeFileSync(join(folder, "weights"), new Uint8Array(1000));
    const config = { name: "m", backend, parameters: { other: { string_value: "kept" } } };
    const files = [
      { to: "model.onnx", bytes: new Uint8Array(size - 1000) },
      { to: "weights", from: join(folder, "weights") },
      { to: "plan.json", text: "{}" },
    ];
    return { name: "m", config, files };
  };
  const parametersOf = (size: number, threads?: number, backend?: string) =>
    withStockThreads(model(size, backend), threads).config.parameters;
  const other = { string_value: "kept" };

  test("up to 16 MB with the files beside it, it has one thread", () => {
    expect(parametersOf(ONE_THREAD_BYTES)).toEqual({ other, intra_op_thread_count: { string_value: "1" } });
    expect(parametersOf(ONE_THREAD_BYTES + 1)).toEqual({ other });
    expect(parametersOf(ONE_THREAD_BYTES + 1, 3)).toEqual({ other, intra_op_thread_count: { string_value: "3" } });
    expect(parametersOf(ONE_THREAD_BYTES, 2, "identity")).toEqual({ other });
  });
});
