import { defineConfig } from "vitest/config";

// Suites that call ONNX Runtime by themselves would report to its maker too, from a thread that has ended processes, through one database in the home folder.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

// `npm test` runs the tests of walls apart, as an ordinary user.
const WALLS = "tests/walls/**/*.test.ts";
const isOrdinary = process.env.MERLON_ORDINARY_USER !== undefined;

// Tests import the built package (`#runtime/…`), so that what is tested is what ships. Two cores: few workers, generous time.
export default defineConfig({
  test: {
    include: isOrdinary ? [WALLS] : ["operators/**/*.test.ts", "tests/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["tests/bench/**", "node_modules/**"],
    globalSetup: ["tests/temporary-folder.ts"],
    setupFiles: ["tests/folder-of-file.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
