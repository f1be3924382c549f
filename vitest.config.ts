import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { defineConfig, type Plugin } from "vitest/config";
import { REVERSED } from "./scripts/shuffled.mjs";
import { ENTRIES, FOLDERS, isProduct, ROOT } from "./tests/run/graph.mjs";
import { LongFirst } from "./tests/run/long-first.js";

// Suites that call ONNX Runtime by themselves would report to its maker too. Its thread has ended processes, through one database in the
// home folder.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

// `npm test` runs the tests of walls apart, as an ordinary user.
const WALLS = "tests/walls/**/*.test.ts";
const isOrdinary = process.env.MERLON_ORDINARY_USER !== undefined;

const escaped = (text: string): string => text.replaceAll(/[/.#]/g, "\\$&");

/**
 * A module that starts a worker, or opens a file beside itself, finds the built one: Node runs no TypeScript. Its own URL is that of its
 * built form, so every relative path means the same as in `dist/`.
 */
const builtNeighbours: Plugin = {
  name: "built-neighbours",
  enforce: "pre",
  transform(code, id) {
    if (!isProduct(id) || !code.includes("import.meta.url")) return undefined;
    const built = join(ROOT, "dist", id.slice(ROOT.length).replace(/\.ts$/, ".js"));
    return { code: code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(built).href)), map: null };
  },
};

// Tests import the sources under the names of the built package, so that a change is tested without a build. Two cores: few workers, generous time.
export default defineConfig({
  plugins: [builtNeighbours],
  resolve: {
    alias: [
      ...FOLDERS.map(([name, source]) => ({
        find: new RegExp(`^${escaped(name)}(.*)\\.js$`),
        replacement: `${source}$1.ts`,
      })),
      ...ENTRIES.map(([name, source]) => ({ find: new RegExp(`^${escaped(name)}$`), replacement: source })),
    ],
  },
  test: {
    include: isOrdinary ? [WALLS] : ["operators/**/*.test.ts", "tests/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["tests/bench/**", "node_modules/**"],
    globalSetup: ["tests/run/temporary-folder.ts", "tests/run/provide.ts"],
    setupFiles: [
      "tests/run/guard.ts",
      "tests/run/left-behind.ts",
      "tests/run/folder-of-file.ts",
      "tests/run/known-with-workers.ts",
    ],
    // A random order has a sequencer of vitest's.
    ...(process.argv.some(word => word.startsWith("--sequence.")) ? {} : { sequence: { sequencer: LongFirst } }),
    ...(process.argv.includes(REVERSED) ? { runner: "tests/run/reversed.ts" } : {}),
    pool: "forks",
    maxWorkers: 2,
    // Tests of one file at a time, where they may run together.
    maxConcurrency: 3,
    // A message of a failed test names whole values, as the output of a command.
    chaiConfig: { truncateThreshold: 300 },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
