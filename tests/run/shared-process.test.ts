/** Files that leave nothing in their process share it. Each has its own folder and its own declared needs there. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testFiles } from "../../scripts/test-needs.mjs";
import { needsReader, ROOT } from "./graph.mjs";
import { sharesProcess } from "./shared-process.mjs";

test.each([
  ["an operator's test that needs the build", "operators/clip/clip.test.ts", ["built"], "", true],
  ["a test without needs", "tests/formats/x.test.ts", [], "expect(1).toBe(1); process.platform;", true],
  ["a server's test that needs the build", "tests/runtime/x.test.ts", ["built"], "", true],
  ["an example's", "tests/examples/x.test.ts", ["built"], "", false],
  ["a test that takes long", "tests/cli/every-command.test.ts", ["built"], "", false],
  ["a test of an original", "operators/clip/clip.test.ts", ["built", "python"], "", false],
  ["a mock", "tests/formats/x.test.ts", [], 'vi.spyOn(console, "log")', false],
  ["a fake clock", "tests/formats/x.test.ts", [], "vi.useFakeTimers()", false],
  ["a variable of the environment", "tests/formats/x.test.ts", [], 'process.env.HOME = "/"', false],
  ["a listener", "tests/formats/x.test.ts", [], 'process.on("exit", end)', false],
  ["memory of the process", "tests/formats/x.test.ts", [], "bufferPool.idle", false],
  ["an addon of one thread", "operators/clip/clip.test.ts", ["built"], 'import "faiss-node"', false],
  ["a measurement", "tests/formats/x.test.ts", [], "process.memoryUsage()", false],
  ["a test of the tests", "tests/run/x.test.ts", [], "", false],
] as const)("%s: %s", (_, file, needs, text, shares) => {
  expect(sharesProcess(file, needs, text)).toBe(shares);
});

test("almost half of the tree's files share", () => {
  const read = needsReader();
  const files = testFiles().filter((file: string) => !file.startsWith("tests/run/made-"));
  const shared = files.filter((file: string) => sharesProcess(file, read(join(ROOT, file))));
  expect(shared.length).toBeGreaterThan(files.length * 0.45);
});

// Beside this file, so that the tree's own configuration runs it.
const folder = mkdtempSync(join(import.meta.dirname, "made-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let said: string;
beforeAll(() => {
  const head = `import cp from "node:child_process";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { expect, test } from "vitest";
const seen = (globalThis.seen ??= []);
seen.push({ pid: process.pid, folder: tmpdir() });
const openssl = () => cp.spawnSync("openssl", ["version"]);`;
  const files = {
    "1": `test("declares", () => void openssl());\nimport "../../needs/openssl.js";\n// ${"Larger files start first. ".repeat(99)}`,
    "2": `test("declares nothing", () => expect(openssl).toThrow("2.test.ts uses openssl"));
test("one process, folders side by side", () => {
  expect(seen).toHaveLength(2);
  expect(seen[0].pid).toBe(seen[1].pid);
  expect(seen[0].folder).not.toBe(seen[1].folder);
  expect(dirname(seen[0].folder)).toBe(dirname(seen[1].folder));
});`,
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, `${name}.test.ts`), `${head}\n${text}\n`);
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const words = ["run", "--configLoader", "runner", "--isolate=false", "--maxWorkers=1", "--reporter=verbose"];
  const { stdout, stderr } = spawnSync(process.execPath, [vitest, ...words, relative(ROOT, folder)], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, MERLON_SET_UP: "before", MERLON_ORDINARY_USER: undefined, NO_COLOR: "1" },
  });
  said = stdout + stderr;
});

test("each file of a process has its own folder and needs", () => {
  expect(said).toMatch(/Tests {2}3 passed \(3\)/);
});
