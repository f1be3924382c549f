// Paths → forms, and imports between files of both forms.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authorName, fileForm, isMerlonFile, virtualName } from "#compiler/1-rewrite/file-form.js";
import { linkForeignImports } from "#compiler/1-rewrite/foreign-imports.js";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { MERLON } from "../../needs/built.js";

test.each([
  [
    "a/recommend.ensemble.ts",
    { form: "ts", kind: "ensemble", stem: "a/recommend", virtual: "a/recommend.ensemble.ts" },
  ],
  ["ranking.workflow.ts", { form: "ts", kind: "workflow", stem: "ranking", virtual: "ranking.workflow.ts" }],
  ["recommend.merlon", { form: "merlon", stem: "recommend", virtual: "recommend.merlon.ts" }],
  ["recommend.ts", undefined],
  ["recommend.merlon.ts", undefined],
  ["merlon", undefined],
  ["recommend.Merlon", undefined],
])("%s", (path, form) => {
  expect(fileForm(path)).toEqual(form);
  expect(isMerlonFile(path)).toBe(form !== undefined);
  expect(authorName(virtualName(path))).toBe(authorName(path));
});

describe("specifiers of .merlon files", () => {
  const link = (text: string) => {
    const { text: rewritten, spans } = rewrite(text, "x.merlon");
    return linkForeignImports(rewritten, spans, "x.merlon");
  };

  test.each([
    ['import { a } from "./a.merlon";', 'import { a } from "./a.merlon.ts";'],
    ["export * from '../a.merlon';", "export * from '../a.merlon.ts';"],
    ['type A = import("./a.merlon").A;', 'type A = import("./a.merlon.ts").A;'],
    ["const a = await import(`./a.merlon`);", "const a = await import(`./a.merlon.ts`);"],
    // Neither a package nor a text that is no specifier.
    ['import { a } from "pkg/a.merlon";', 'import { a } from "pkg/a.merlon";'],
    ['const a = "./a.merlon";', 'const a = "./a.merlon";'],
    ['import "./a.merlon', 'import "./a.merlon'],
  ])("%s", (text, linked) => expect(link(text).text.split("\nimport { $")[0]).toBe(linked));
});

describe("the commands take both forms", () => {
  let folder: string;
  const merlon = (...words: string[]) =>
    execFileSync(process.execPath, [MERLON, ...words], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "merlon-forms-"));
    cpSync(join(import.meta.dirname, "../../samples/ensemble-merlon-files"), folder, { recursive: true });
    writeFileSync(
      join(folder, "features.merlon"),
      'import { clip, source, workflow } from "merlon";\nconst events = source({ price: "float32" });\nexport default workflow("features", ["price"] >> clip({ min: 0 }));\n',
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("check and build", () => {
    expect(merlon("check", "main.merlon", "features.merlon")).toContain("✔ features.merlon: workflow features, 1 step");
    expect(merlon("build", "main.merlon", "--out", "repo")).toContain("merlon-files");
    expect(readdirSync(join(folder, "repo"))).toContain("merlon-files");
    expect(() => merlon("build", "features.merlon", "--out", "repo")).toThrow(/features\.merlon is a workflow: fit it/);
  });
});
