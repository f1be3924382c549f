/** The tree's configuration with sources that have mutants, and the runner that switches them. `npm run mutate` names its orders in `MERLON_MUTATION`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import tree from "../../vitest.config.js";
import { ROOT } from "../run/graph.mjs";
import { modulesOf, type Orders } from "./orders.mjs";

const { instrumented, files, byTest } = JSON.parse(readFileSync(process.env.MERLON_MUTATION!, "utf8")) as Orders;

const withMutants: Plugin = {
  name: "with-mutants",
  enforce: "pre",
  load(id) {
    const [path = ""] = id.split("?");
    const source = path.startsWith(ROOT) ? join(instrumented, path.slice(ROOT.length)) : "";
    return source && existsSync(source) ? readFileSync(source, "utf8") : undefined;
  },
};

const placeOf = ({ moduleId }: { readonly moduleId: string }): number =>
  files.findIndex(file => moduleId.endsWith(`/${file}`));

/** Quick files first: most mutants need no other. */
class InOrder {
  sort<T extends { readonly moduleId: string }>(all: readonly T[]): T[] {
    return all.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
  shard<T>(all: readonly T[]): readonly T[] {
    return all;
  }
}

/** A mutant may keep a test waiting this long. Without a mutant there is more time, so that a busy machine leaves no test out. */
const [TURN_MS, FIRST_MS] = [20_000, 300_000];

/** One mutant for all tests, from the first import on: the tree's runner is enough. */
const isAlone = process.env.__STRYKER_ACTIVE_MUTANT__ !== undefined;

export default defineConfig({
  ...tree,
  plugins: [...(tree.plugins ?? []), withMutants],
  test: {
    ...tree.test,
    include: [...files],
    setupFiles: [...[tree.test?.setupFiles ?? []].flat(), "./tests/mutation/end-on-failure.ts"],
    ...(!isAlone && { runner: "./tests/mutation/runner.ts" }),
    sequence: { sequencer: InOrder as never },
    // Its keys do not have what a plugin loads in the place of a file: each set of mutants has a cache of its own.
    fsModuleCache: isAlone,
    fsModuleCachePath: modulesOf(instrumented),
    maxWorkers: 1,
    testTimeout: isAlone ? 60_000 : byTest ? TURN_MS : FIRST_MS,
  },
});
