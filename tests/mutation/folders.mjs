/**
 * The folders that `npm run mutate` accepts. Each names its sources, the tests that should notice a change of them, and the time that a run took.
 * Tests that run the product from `dist/` (spawned programs, workers) do not belong here: mutants are in the sources alone.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../run/graph.mjs";

/** The running half of each operator, and the files that several share. */
const kernelFiles = () =>
  readdirSync(join(ROOT, "operators"), { recursive: true })
    .filter(
      path => /(^|\/)kernel[^/]*\.ts$|^shared\/kernel\/.*\.ts$/.test(path) && !/^gen\/|\.test\.ts$|^kernels/.test(path),
    )
    .map(path => `operators/${path}`)
    .sort();

/** The tests of the operators, except those that start processes. */
const kernelTests = () =>
  readdirSync(join(ROOT, "operators"), { recursive: true })
    .filter(path => path.endsWith(".test.ts") && !/query-faiss-(?:fuzzed|native)/.test(path))
    .map(path => `operators/${path}`)
    .sort();

/**
 * @typedef Folder
 * @property {readonly string[]} sources path prefixes, relative to the tree
 * @property {readonly string[]} tests patterns of test files, as in vitest's `include`
 * @property {string} time measured on two cores, and what was run
 */

/** @type {Readonly<Record<string, Folder>>} */
export const FOLDERS = {
  scheduling: {
    sources: ["runtime/server/scheduling/"],
    tests: [
      "tests/runtime/server/cache/*.test.ts",
      "tests/runtime/server/backends/*.test.ts",
      "tests/runtime/server/scheduling/*.test.ts",
    ],
    time: "2,114 mutants in 80 minutes on two loaded cores, with --lanes 2",
  },
  http: {
    sources: ["runtime/server/transport/http/"],
    tests: [
      "tests/runtime/server/transport/*.test.ts",
      "tests/runtime/server/transport/http/*.test.ts",
      "tests/runtime/server/requests/*.test.ts",
      "tests/runtime/server/observe/**/*.test.ts",
    ],
    time: "3,747 mutants in turns in 100 minutes on two loaded cores, and 6 to 20 seconds for each that runs alone",
  },
  stores: {
    sources: ["runtime/stores/feast/", "runtime/stores/embeddings/"],
    tests: [
      "tests/runtime/stores/{feast,embeddings}/*.test.ts",
      "tests/formats/feast/*.test.ts",
      "operators/query-feast/*.test.ts",
    ],
    time: "3,730 mutants in turns in 130 minutes on two loaded cores, and 6 to 20 seconds for each that runs alone. Random stores are fewer with STORES_RUNS=5 SNAPSHOT_RUNS=1",
  },
  faiss: {
    sources: ["runtime/stores/vectors/", "formats/faiss/", "operators/query-faiss/kernel.ts"],
    tests: [
      "tests/formats/faiss/*.test.ts",
      "tests/runtime/stores/vectors/**/*.test.ts",
      "tests/runtime/etl/{index-build,index-search}.test.ts",
      "operators/{predict-implicit,query-faiss}/*.test.ts",
    ],
    time: "125 of 3,443 mutants in 3 minutes on two cores, with --lanes 2",
  },
  engine: {
    sources: ["runtime/engine/"],
    tests: [
      "tests/runtime/engine/**/*.test.ts",
      "operators/{choose,fallback,filter,lambda-op,transform-workflow,merge-candidates}/*.test.ts",
    ],
    time: "125 of 4,172 mutants in 3 minutes on two cores, with --lanes 2",
  },
  kernels: {
    sources: kernelFiles(),
    tests: [...kernelTests(), "tests/runtime/stores/embeddings/*.test.ts", "tests/operators/*.test.ts"],
    time: "125 of 6,763 mutants in 9 minutes on two cores, with --lanes 2",
  },
  formats: {
    sources: [
      ...["arrow", "bytes", "feast", "folders", "hashes", "merlin-schema", "npz", "onnx", "sqlite", "tables"].map(
        name => `formats/${name}/`,
      ),
      "runtime/wire/json/decimal.ts",
    ],
    tests: [
      "tests/formats/**/*.test.ts",
      "tests/runtime/stores/{feast,embeddings}/*.test.ts",
      "operators/{query-feast,predict-implicit,filter-candidates}/*.test.ts",
    ],
    time: "125 of 6,613 mutants in 2 minutes on two cores, with --lanes 2",
  },
};
