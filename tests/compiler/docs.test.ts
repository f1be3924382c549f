// The documentation of the language: every program in it compiles, and its operators are those there are.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compile, printDiagnostics } from "#compiler/index.js";

const ROOT = join(import.meta.dirname, "..", "..");
const { generate, operators } = (await import(join(ROOT, "scripts", "gen-language.mjs"))) as {
  generate(page: string): string;
  operators(): readonly { readonly name: string }[];
};
const folder = mkdtempSync(join(tmpdir(), "merlon-docs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
for (const name of ["etl", "features", "index", "models"])
  symlinkSync(join(ROOT, "tests", "samples", "artefacts", name), join(folder, name));

const pages = ["language.md", "coming-from-merlin.md"];
const programs = pages.flatMap(page =>
  [...readFileSync(join(ROOT, "docs", page), "utf8").matchAll(/```ts\n(import [\s\S]*?)```/g)].map(
    ([, text], i) => [`${page}, program ${i + 1}`, text!] as const,
  ),
);

test.each(programs)("%s compiles", async (name, text) => {
  const kind = /export default ensemble/.test(text) ? "ensemble" : "workflow";
  const file = join(folder, `${name.replace(/\W+/g, "-")}.${kind}.ts`);
  writeFileSync(file, text);
  const compiled = await compile(file);
  expect(printDiagnostics(compiled.diagnostics, { folder, color: false })).toBe("");
  expect(compiled.ok).toBe(true);
});

test("docs/language.md has every operator, as `npm run gen` writes it", () => {
  const page = readFileSync(join(ROOT, "docs", "language.md"), "utf8");
  const told = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  expect(told.toSorted()).toEqual(
    operators()
      .map(({ name }) => name)
      .toSorted(),
  );
  expect(generate(page)).toBe(page);
});
