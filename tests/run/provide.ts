/** Before a run: the store of `model-repo/`, the needs of each test file, and a fresh `dist/` if a chosen file needs one. */
import { relative } from "node:path";
import type { TestProject } from "vitest/node";
import { compile, ensureStore, isWatched } from "../../scripts/setup.mjs";
import { needsReader, ROOT } from "./graph.mjs";
import { until } from "./wait.js";

declare module "vitest" {
  interface ProvidedContext {
    /** By path of the test file, relative to the tree. */
    readonly needs: Readonly<Record<string, readonly string[]>>;
  }
}

/** `MERLON_SET_UP` → what makes `dist/` fresh: `npm test` has before, and `npm run dev` has a compiler of its own. */
const builtBy: Readonly<Record<string, () => Promise<void>>> = {
  here: compile,
  before: async () => {},
  watched: async () => {
    await until("the compiler of `npm run dev` has compiled", isWatched, 300_000);
  },
};

export default async function provide(project: TestProject): Promise<void> {
  if (process.env.MERLON_SET_UP !== "before") ensureStore();
  const prepare = async (paths: readonly string[]) => {
    const read = needsReader();
    // No others: a test that plants test files may remove them meanwhile.
    const needs = paths.map(path => [relative(ROOT, path), read(path)] as const);
    project.provide("needs", Object.fromEntries(needs));
    if (needs.some(([, of]) => of.includes("built"))) await builtBy[process.env.MERLON_SET_UP ?? "here"]!();
  };
  await prepare(project.vitest.state.getPaths());
  project.onTestsRerun(specs => prepare(specs.map(({ moduleId }) => moduleId)));
}
