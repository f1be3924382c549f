// The reference of the language has the operators that there are. `tests/docs` compiles the programs in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const { generate, operators } = (await import(join(ROOT, "scripts", "gen-language.mjs"))) as {
  generate(page: string): string;
  operators(): readonly { readonly name: string }[];
};

test("docs/reference/operators.md has every operator, as `npm run gen` writes it", () => {
  const page = readFileSync(join(ROOT, "docs", "reference", "operators.md"), "utf8");
  const [overview, sections] = page.split("## All operators") as [string, string];
  const names = operators()
    .map(({ name }) => name)
    .toSorted();
  const namesIn = (text: string, name: RegExp): string[] =>
    [...text.matchAll(name)].map(([, found]) => found!).toSorted();
  expect(namesIn(sections, /^### (\w+)$/gm)).toEqual(names);
  expect(namesIn(overview, /\[`(\w+)`\]\(#/g)).toEqual(names);
  expect(generate(page)).toBe(page);
});
