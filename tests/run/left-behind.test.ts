/** A test that leaves an unhandled rejection or an uncaught exception fails, by its name; planted ones do. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "./graph.mjs";

const PLANTED = [
  ["a rejection", "Promise.reject(new Error('left 1'))", 1],
  ["a rejection a moment later", "setImmediate(() => Promise.reject(new Error('left 2')))", 1],
  ["an exception", "setImmediate(() => { throw new Error('left 3'); })", 1],
  [
    "two of them",
    "{ Promise.reject(new Error('left 4')); process.nextTick(() => { throw new Error('left 5'); }); }",
    2,
  ],
  ["with fake timers", "{ vi.useFakeTimers(); Promise.reject(new Error('left 6')); }", 1],
  ["no rejection: it is handled", "Promise.reject(new Error('handled')).catch(() => {})", 0],
] as const;

// Beside this file, so that the tree's own configuration runs it.
const folder = mkdtempSync(join(import.meta.dirname, "made-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let said: string;
let status: number | null;
beforeAll(() => {
  const tests = PLANTED.map(([name, code]) => `test(${JSON.stringify(name)}, async () => { ${code}; });`);
  const file = join(folder, "planted.test.ts");
  const head = 'import { afterAll, afterEach, test, vi } from "vitest";';
  // Outside of tests, where Vitest fails the run.
  const around = "afterAll(() => void Promise.reject(new Error('left 7')));\nvoid Promise.reject(new Error('left 8'));";
  writeFileSync(file, [head, "afterEach(() => void vi.useRealTimers());", ...tests, around, ""].join("\n"));
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const words = ["run", "--configLoader", "runner", "--reporter=verbose", relative(ROOT, file)];
  const ran = spawnSync(process.execPath, [vitest, ...words], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, MERLON_SET_UP: "before", MERLON_ORDINARY_USER: undefined, NO_COLOR: "1" },
  });
  said = ran.stdout + ran.stderr;
  status = ran.status;
});

test.each(PLANTED)("%s", (name, _, count) => {
  expect(said).toMatch(new RegExp(`${count === 0 ? "✓" : "×"} .*> ${name}( |$)`, "m"));
});

test("the run fails, and each error is named", () => {
  expect(status).toBe(1);
  for (let i = 1; i <= 8; i++) expect(said).toContain(`left ${i}`);
  expect(said).toMatch(/Tests {2}5 failed \| 1 passed/);
});
