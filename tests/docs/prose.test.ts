/** The rules of prose by their own examples, the reader of texts, and the counts that may only fall. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { faultsOf, RULES } from "../../scripts/prose/rules.mjs";
import { sentencesOf, textsOf } from "../../scripts/prose/texts.mjs";
import { countsOf, readTree, risen } from "../../scripts/prose.mjs";

const folder = new TemporaryFolder("prose");
afterAll(() => folder.dispose());

/** The sentences of a file of this content, with kind and line. */
function read(name: string, content: string): readonly string[] {
  writeFileSync(join(folder.path, name), content);
  return textsOf(folder.path, name)
    .flatMap(sentencesOf)
    .map(({ kind, line, sentence }) => `${line} ${kind}: ${sentence}`);
}

describe.each(RULES)("$name", rule => {
  const kind = rule.kinds?.[0] ?? "comments";
  test("finds its bad example and leaves its good one", () => {
    expect(faultsOf(rule, rule.bad, kind)).not.toEqual([]);
    expect(faultsOf(rule, rule.good, kind)).toEqual([]);
  });
  test("has a reason, an alternative, and a reason for each exception", () => {
    for (const text of [rule.why, rule.instead, ...(rule.allow ?? []).map(([, why]) => why)])
      expect(text).toMatch(/\w{3}/);
  });
});

test("legitimate uses pass", () => {
  const uses = [
    "You want a smaller index.",
    "`>>` stands for a step.",
    "The queue is first come, first served.",
    "There is no default.",
    "The file is no longer read.",
    "A layer, an outlier, an outcome and a standard.",
    "Who reads this?",
    "The limit is so large that nothing reaches it.",
  ];
  for (const sentence of uses)
    expect(RULES.filter(rule => faultsOf(rule, sentence, "comments").length > 0).map(rule => rule.name)).toEqual([]);
});

test("texts of TypeScript: comments and messages, and no code", () => {
  expect(
    read(
      "one.ts",
      [
        "/**",
        " * Returns `one`. Reads",
        " * two lines.",
        " * @param a the first",
        " */",
        'const url = "http://a // not a comment";',
        "const expression = /\\/\\/ not one either/;",
        "// The first line,",
        "// and the second.",
        "throw new Error(`the model ${",
        "  name} has no input ${input}`);",
        "// biome-ignore lint: a directive",
      ].join("\n"),
    ),
  ).toEqual([
    "10 messages: the model ◇ has no input ◇",
    "2 docstrings: Returns □.",
    "2 docstrings: Reads two lines.",
    "4 docstrings: the first",
    "8 comments: The first line, and the second.",
  ]);
});

test("names of tests", () => {
  expect(
    read("one.test.ts", 'describe("a model", () => {\n  test.each([1])("answers %i", () => "no text of a test");\n});'),
  ).toEqual(["1 tests: a model", "2 tests: answers %i"]);
});

test("texts of Python, C++ and Markdown", () => {
  expect(read("one.py", '"""What it does."""\nx = "# no comment"  # after code\n# alone\n# twice\n')).toEqual([
    "1 docstrings: What it does.",
    "2 comments: after code",
    "3 comments: alone twice",
  ]);
  expect(read("one.cc", 'auto x = "// no";  // a comment\n/* another\n   line */')).toEqual([
    "1 comments: a comment",
    "2 comments: another line",
  ]);
  expect(
    read(
      "one.md",
      "# A heading\n\nText with `code` and [a link](b.md).\n\n```\nWhat is code\n```\n\n| a cell |\n|---|\n- an item\n",
    ),
  ).toEqual(["1 headings: A heading", "3 docs: Text with □ and [a link].", "9 docs: a cell", "11 docs: an item"]);
});

test("a fault more than stored fails with its place, and a fault less does not", () => {
  const counts = countsOf([
    { file: "cli/a.ts", rule: "ask" },
    { file: "cli/b.ts", rule: "ask" },
    { file: "README.md", rule: "go" },
  ]);
  expect(counts).toEqual({ cli: { ask: 2 }, root: { go: 1 } });
  expect(risen(counts, { cli: { ask: 3 }, root: { go: 1 } })).toEqual([]);
  expect(risen(counts, { cli: { ask: 1 } })).toEqual([
    "cli: 2 of ask, at most 1: npm run prose -- --list ask --folder cli",
    "root: 1 of go, at most 0: npm run prose -- --list go",
  ]);
});

test("no area has more faults of a rule than it had", () => {
  expect(risen(countsOf(readTree().faults))).toEqual([]);
});
