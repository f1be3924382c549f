// Changed files by the hundred, in processes of their own: none of them ends one.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a thousand changed files, of each kind some: refused by name or searched, and no process dies", () => {
  const fuzz = fileURLToPath(new URL("../../tests/fuzz/faiss.mjs", import.meta.url));
  const args = [fuzz, "--changes", "40", "--version", "1.15.1"];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stdout).not.toMatch(/died/);
  expect(status).toBe(0);
  const seen = stdout
    .trim()
    .split("\n")
    .map(line => JSON.parse(line.slice(line.indexOf("{"))));
  expect(seen.length).toBeGreaterThan(20);
  for (const { refused, searched, largestMegabytes } of seen) {
    expect(refused).toBeGreaterThan(0);
    expect(refused + searched).toBe(40);
    expect(largestMegabytes).toBeLessThan(500);
  }
}, 180_000);
