/** The tree's configuration with the tests of one folder: `npm run mutate` names them in `MERLON_MUTATION_TESTS`. */
import { defineConfig } from "vitest/config";
import tree from "../../vitest.config.js";

export default defineConfig({
  ...tree,
  test: { ...tree.test, include: JSON.parse(process.env.MERLON_MUTATION_TESTS!) as string[] },
});
