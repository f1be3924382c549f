/**
 * The folders for `npm run mutate`. Each names its sources, the tests that should notice a change of them, and the time that a run took.
 * Tests that run the product from `dist/` (spawned programs, workers) do not belong here: mutants are in the sources alone.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../run/graph.mjs";

/** The running half of each operator, and its shared parts. */
const kernelFiles = () =>
  readdirSync(join(ROOT, "operators"), { recursive: true })
    .filter(
      path => /(^|\/)kernel[^/]*\.ts$|^shared\/kernel\/.*\.ts$/.test(path) && !/^gen\/|\.test\.ts$|^kernels/.test(path),
    )
    .map(path => `operators/${path}`)
    .sort();

/** Of the operators, all but those that start processes. */
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
      "tests/runtime/server/backends/{run-sync,varying-state}.test.ts",
      "tests/runtime/server/scheduling/{cancel,choose-batch,create-scheduler,dynamic,executions,iterative}.test.ts",
      "tests/runtime/server/scheduling/{limiter-histories,policy-queue,rate-limiter,simulation}.test.ts",
      "tests/runtime/server/scheduling/{sequence,sequence-inputs,sequence-order,sequence-phase,sequence-slots}.test.ts",
      "tests/runtime/server/scheduling/{warm-up,warm-up-samples}.test.ts",
    ],
    time: "300 of 1,873 mutants in 33 minutes on two loaded cores",
  },
  http: {
    sources: ["runtime/server/transport/http/"],
    tests: [
      "tests/server/{cloud-front-ends,generate-request,generate-route,hostile,http-bodies,http-parts,http-server,json-numbers}.test.ts",
      "tests/server/{large-binary,onnx-errors,print-double,recorded-http,request-faults,shared-memory-checks,tensor-json}.test.ts",
      "tests/server/{used-regions,verbose-log}.test.ts",
      "tests/tracing/trace-file.test.ts",
    ],
    time: "60 of 3,421 mutants in 6 minutes on two loaded cores",
  },
  stores: {
    sources: ["runtime/stores/feast/", "runtime/stores/embeddings/"],
    tests: [
      "tests/stores/{build-column,feast-by-statement,feast-changes,feast-every-type,feast-key,feast-key-versions}.test.ts",
      "tests/stores/{feast-new-types,feast-server,feast-snapshot,feast-store,feast-views,feast-written,hmget,embedding-table}.test.ts",
      "tests/stores/{hot-rows,redis-hashes,redis-options,shared-snapshots,snapshot-histories,stores-agree}.test.ts",
      "operators/query-feast/*.test.ts",
      "tests/runtime/stores/feast/*.test.ts",
    ],
    time: "about 3,500 mutants; not timed yet. Random stores are fewer with STORES_RUNS=10",
  },
  faiss: {
    sources: ["runtime/stores/vectors/", "formats/faiss/", "operators/query-faiss/kernel.ts"],
    tests: [
      "tests/stores/{faiss-file,some-ids}.test.ts",
      "tests/kernels/{coalesced-searches,excluded,search-in-parts}.test.ts",
      "tests/etl/text-ids.test.ts",
      "operators/predict-implicit/*.test.ts",
      "operators/query-faiss/{query-faiss,query-faiss-damaged,query-faiss-kinds,query-faiss-scan}.test.ts",
      "tests/runtime/stores/vectors/*.test.ts",
    ],
    time: "about 2,400 mutants; not timed yet",
  },
  engine: {
    sources: ["runtime/engine/"],
    tests: [
      "tests/plan/{cache-histories,cached-kernel,cached-rows,close-kernels,execute,explain-candidates,golden-rows,joined-rows}.test.ts",
      "tests/plan/{random-runs,repeat-rows,stage-functions}.test.ts",
      "tests/functions/{departures,equals-javascript,integer-loops,integers}.test.ts",
      "tests/compiler/fuse.test.ts",
      "tests/kernels/filter-rows.test.ts",
      "operators/{choose,fallback,filter,lambda-op}/*.test.ts",
      "tests/runtime/engine/*/*.test.ts",
    ],
    time: "a sample of 60 took 15 minutes on a loaded machine",
  },
  kernels: {
    sources: kernelFiles(),
    tests: [
      ...kernelTests(),
      "tests/stores/embedding-table.test.ts",
      "tests/compiler/fuse.test.ts",
      "tests/kernels/{filter-rows,gumbel-race,half-scores,keep-largest,odd-scores,pandas-hash,row-models,seen-filter}.test.ts",
    ],
    time: "a sample of 60 took 8 minutes on a loaded machine",
  },
  formats: {
    sources: [
      ...["arrow", "bytes", "feast", "folders", "hashes", "merlin-schema", "npz", "onnx", "sqlite", "tables"].map(
        name => `formats/${name}/`,
      ),
      "runtime/wire/json/decimal.ts",
    ],
    tests: [
      "tests/stores/{arrow-columns,feast-json,feast-key,feast-views,feast-every-type,feast-new-types,leaf-pages,onnx-lookups,onnx-signature,redis-options,sqlite-keys}.test.ts",
      "tests/stores/{embedding-table,feast-by-statement,feast-key-versions,feast-written,store-check,zip}.test.ts",
      "tests/kernels/{pandas-hash,seen-filter}.test.ts",
      "tests/walls/{arrow-file,npz,onnx-file,manifest,protobuf}.test.ts",
      "tests/wire/{decimal,struct-value,wire-form}.test.ts",
      "tests/etl/merlin-schema.test.ts",
      "tests/formats/*/*.test.ts",
      "operators/{query-feast,predict-implicit,filter-candidates}/*.test.ts",
    ],
    time: "about 5,200 mutants; not timed yet",
  },
};
