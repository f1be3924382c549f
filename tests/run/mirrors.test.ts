/** Tests mirror the tree: those of `runtime/stores/feast` are in `tests/runtime/stores/feast`. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { testFiles } from "../../scripts/test-needs.mjs";
import { ROOT } from "./graph.mjs";

/** Suites of the whole product, and the tests of the tests. */
const SUITES: ReadonlySet<string> = new Set(
  [
    "clients",
    "conformance",
    "fuzz",
    "mistakes",
    "mutation",
    "package",
    "reference",
    "reliability",
    "run",
    "scorecard",
    "walls",
  ].map(name => `tests/${name}`),
);

test("each folder of tests has the name of a folder of the tree, or is a suite of the whole product", () => {
  const folders = new Set((testFiles() as readonly string[]).map(dirname).filter(path => path.startsWith("tests/")));
  expect(folders.size).toBeGreaterThan(50);
  const others = [...folders].filter(
    path => !SUITES.has(path.split("/").slice(0, 2).join("/")) && !existsSync(join(ROOT, path.slice("tests/".length))),
  );
  expect(others).toEqual([]);
});
