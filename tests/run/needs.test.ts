/** A test's needs are read from its imports. An undeclared need makes it fail, and each need has a set-up. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEEDS, testFiles } from "../../scripts/test-needs.mjs";
import { needsReader, ROOT } from "./graph.mjs";

// Beside this file, since the tree's names are resolved in the tree alone.
const folder = mkdtempSync(join(import.meta.dirname, "made-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
function write(text: string): string {
  const file = join(folder, `${made++}.test.ts`);
  writeFileSync(file, text);
  return file;
}
const needsOf = (text: string): string[] => needsReader()(write(text));

describe("the needs of a file", () => {
  test.each([
    ["nothing", 'import { expect } from "vitest";', []],
    ["a need", 'import { openssl } from "../../needs/openssl.js";', ["openssl"]],
    ["a need that needs another one", 'import { sparkPython } from "../../needs/java.js";', ["java", "python"]],
    ["a helper that has one", 'import { startRedis } from "../../runtime/stores/feast/redis-server.js";', ["redis"]],
    ["a module that starts a worker", 'import { serve } from "#runtime/server/index.js";', ["built"]],
    ["the package by its name", 'import { connect } from "merlon/testing";', ["built"]],
    ["a module that is loaded later", 'const a = () => import("../../needs/strace.js");', ["strace"]],
    ["a re-export", 'export * from "../../needs/openssl.js";', ["openssl"]],
    ["a module of the build", 'import { decode } from "../../../dist/triton-protos/proto-root.js";', ["built"]],
    ["a script that imports from the build", 'new URL("../../fuzz/seeds.mjs", import.meta.url);', ["built"]],
    ["a script beside it", 'join(import.meta.dirname, "../../walls/support/hostile-names.mjs");', ["built"]],
    ["a type, which is gone at run time", 'import type { serve } from "#runtime/server/index.js";', []],
    ["a module that requires a package", 'import { sqlite } from "#formats/feast/open-sqlite.js";', []],
    ["one whose package is compiled", 'import { callFaiss } from "#runtime/stores/vectors/faiss-calls.js";', ["built"]],
    ["a module of the tree without one", 'import { datatype } from "#triton-protos/datatype.js";', []],
  ])("%s", (_, text, needs) => expect(needsOf(text)).toEqual(needs));
});

test("the tests of an operator that CONTRIBUTING.md begins with need nothing", () => {
  expect(readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8")).toMatch(/npm test -- clip .*nothing is compiled/);
  expect(needsReader()(join(ROOT, "operators/clip/clip.test.ts"))).toEqual([]);
});

test("each module of tests/needs is a need with a set-up, and each set-up has tests", () => {
  const read = needsReader();
  const used = new Set(testFiles().flatMap(file => read(join(ROOT, file))));
  expect([...used].sort()).toEqual(Object.keys(NEEDS).sort());
  const modules = readdirSync(join(ROOT, "tests", "needs")).map(name => name.replace(/\.ts$/, ""));
  expect(modules.sort()).toEqual(Object.keys(NEEDS).sort());
});

describe("a test that uses what it does not declare fails, and reads which import declares it", () => {
  const root = ROOT.replace(/\/$/, "");
  const HEAD = `import * as cp from "node:child_process";
import { Worker } from "node:worker_threads";
import { test } from "vitest";
const root = ${JSON.stringify(root)};`;
  const UNDECLARED = [
    ["spawn", "redis-server", 'cp.spawn("redis-server", ["--version"])', "redis"],
    ["execFileSync", "openssl", 'cp.execFileSync("openssl", ["version"])', "openssl"],
    ["of the build", "dist/cli/main.js", 'cp.spawnSync(process.execPath, [root + "/dist/cli/main.js"])', "built"],
    ["a worker", "dist/x.js", 'new Worker(root + "/dist/x.js")', "built"],
    ["a script", "tests/fuzz/seeds.mjs", 'cp.fork(root + "/tests/fuzz/seeds.mjs")', "built"],
  ] as const;
  let said: string;
  let declared: string;
  beforeAll(() => {
    const files = UNDECLARED.map(([name, , code]) => write(`${HEAD}\ntest("${name}", () => void ${code});`));
    declared = write(
      `${HEAD}\nimport "../../needs/openssl.js";\ntest("x", () => void cp.execFileSync("openssl", ["version"]));`,
    );
    const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
    const paths = [...files, declared].map(file => relative(ROOT, file));
    const { stdout, stderr } = spawnSync(process.execPath, [vitest, "run", "--configLoader", "runner", ...paths], {
      cwd: ROOT,
      encoding: "utf8",
      env: { ...process.env, MERLON_SET_UP: "before", MERLON_ORDINARY_USER: undefined, NO_COLOR: "1" },
    });
    said = stdout + stderr;
  });
  test.each(UNDECLARED)("%s", (_, word, __, need) => {
    expect(said).toContain(`uses ${word}, and does not declare that: import from \`tests/needs/${need}.ts\``);
  });
  test("and one that declares it passes", () => {
    expect(said).toMatch(/Tests {2}5 failed \| 1 passed/);
    expect(said).toContain(`✓ ${relative(ROOT, declared)}`);
  });
});
