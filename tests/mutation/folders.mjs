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
      "tests/scheduling/{cache,cancel,dynamic,iterative,ragged,rate-limiter,run-sync}.test.ts",
      "tests/scheduling/{sequence,sequence-phase,simulation,varying-state,warm-up}.test.ts",
    ],
    time: "a sample of 30 took 4 minutes on a loaded machine",
  },
  http: {
    sources: ["runtime/server/transport/http/"],
    tests: ["tests/server/{cloud-front-ends,tensor-json,print-double,json-numbers}.test.ts"],
    time: "about 5,000 mutants; not timed yet",
  },
};
