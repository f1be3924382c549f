// Outputs of deleted sources are removed with all their files; those that have a source, and those of no source folder, stay.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { removeStaleOutputs } from "../../scripts/stale-outputs.mjs";

test("only files that the compiler wrote for a missing source are removed", () => {
  const root = mkdtempSync(join(tmpdir(), "merlon-stale-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (...paths: readonly string[]) => {
    for (const path of paths) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), "");
    }
  };
  const outputs = (stem: string) => [".d.ts", ".d.ts.map", ".js", ".js.map"].map(suffix => `dist/${stem}${suffix}`);
  write("runtime/kept.ts", "runtime/typed.d.ts", "runtime/deep/other.ts");
  const kept = ["runtime/kept", "runtime/typed", "runtime/deep/other", "bundle/chunk"].flatMap(outputs);
  const deleted = ["runtime/gone", "runtime/deep/moved"].flatMap(outputs);
  write(...kept, ...deleted, "dist/runtime/plain.js");
  expect(removeStaleOutputs(root).sort()).toEqual(["runtime/deep/moved", "runtime/gone"]);
  expect(deleted.filter(path => existsSync(join(root, path)))).toEqual([]);
  expect([...kept, "dist/runtime/plain.js"].filter(path => !existsSync(join(root, path)))).toEqual([]);
  expect(removeStaleOutputs(root)).toEqual([]);
});
