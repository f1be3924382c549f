/** The tree's configuration with the tests of one folder: `npm run mutate` names them in `MERLON_MUTATION_TESTS`. */
import { defineConfig } from "vitest/config";
import tree from "../../vitest.config.js";

export default defineConfig({
  ...tree,
  // Sources that count which mutants a test reaches are several times slower; a test that a mutant keeps busy is ended by Stryker.
  test: { ...tree.test, testTimeout: 600_000, include: JSON.parse(process.env.MERLON_MUTATION_TESTS!) as string[] },
});
