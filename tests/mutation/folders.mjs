/**
 * The folders that `npm run mutate` knows. Each names its sources, the tests that should notice a change of them, and the time that a run took.
 * Tests that run the product from `dist/` (spawned programs, workers) do not belong here: mutants are in the sources alone.
 */

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
      "tests/scheduling/{cache,cancel,choose-batch,create-scheduler,dynamic,executions,iterative}.test.ts",
      "tests/scheduling/{limiter-histories,policy-queue,rate-limiter,run-sync,simulation,varying-state}.test.ts",
      "tests/scheduling/{sequence,sequence-inputs,sequence-order,sequence-phase,sequence-slots}.test.ts",
      "tests/scheduling/{warm-up,warm-up-samples}.test.ts",
    ],
    time: "a sample of 30 took 4 minutes on a loaded machine",
  },
  http: {
    sources: ["runtime/server/transport/http/"],
    tests: [
      "tests/server/{cloud-front-ends,hostile,http-parts,json-numbers,large-binary,onnx-errors}.test.ts",
      "tests/server/{print-double,recorded-http,request-faults,shared-memory-checks,tensor-json}.test.ts",
      "tests/server/used-regions.test.ts",
    ],
    time: "about 5,000 mutants; not timed yet",
  },
};
