/**
 * The sources: folders are removed by the handles that made them, and by nothing else.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HANDLES = ["contract/files/temporary-folder.ts", "formats/folders/replace-folder.ts"];

const sources = ["cli", "compiler", "contract", "formats", "operators", "runtime", "triton-protos"].flatMap(folder =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter(path => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map(path => join(folder, path)),
);

/** Calls that remove, with their arguments. */
const removals = (text: string): readonly string[] =>
  [...text.matchAll(/(?<![\w.])(?:rm|rmSync|rmdir|rmdirSync|unlink|unlinkSync)\((?:[^()]|\([^()]*\))*\)/g)].map(
    ([call]) => call,
  );

test("only the two files of handles have a recursive removal", () => {
  expect(sources.length).toBeGreaterThan(500);
  const recursive = sources.filter(path =>
    removals(readFileSync(join(ROOT, path), "utf8")).some(call => call.includes("recursive: true")),
  );
  expect(recursive.sort()).toEqual([...HANDLES].sort());
});

test("nothing removes the parent of a path", () => {
  const found = sources.flatMap(path =>
    removals(readFileSync(join(ROOT, path), "utf8")).map(call => `${path}: ${call}`),
  );
  expect(found.length).toBeGreaterThan(HANDLES.length);
  expect(found.filter(call => /dirname|"\.\."/.test(call))).toEqual([]);
});

test("temporary folders are made by the handle", () => {
  const makers = sources.filter(path => /\bmkdtemp(Sync)?\(/.test(readFileSync(join(ROOT, path), "utf8")));
  expect(makers).toEqual([HANDLES[0]]);
});
