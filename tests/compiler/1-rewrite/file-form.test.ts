// Paths → forms, and imports between files of both forms.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authorName, fileForm, isMerlonFile, otherForms, virtualName } from "#compiler/1-rewrite/file-form.js";
import { linkForeignImports } from "#compiler/1-rewrite/foreign-imports.js";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { toSource } from "#compiler/1-rewrite/spans.js";
import { compile, explain, typegen } from "#compiler/index.js";
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

test("other forms of a program", () => {
  expect(otherForms("a/x.merlon")).toEqual(["a/x.ensemble.ts", "a/x.workflow.ts", "a/x.merlon.ts"]);
  expect(otherForms("a/x.workflow.ts")).toEqual(["a/x.merlon"]);
  expect(otherForms("a/x.ts")).toEqual([]);
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

  test("every offset leads back", () => {
    const text = 'import { a } from "./a.merlon"; import b from "./b.merlon";\nexport const c = a >> b["x"] + a;\n';
    const { text: out, spans } = link(text);
    const back = Array.from(out, (_, at) => toSource(spans, at));
    for (const [at, from] of back.entries()) if (from !== undefined) expect(out[at]).toBe(text[from]);
    const reached = new Set(back);
    for (const word of ["a.merlon", '"; import', "b.merlon", "c = a", '"x"'])
      expect(reached.has(text.indexOf(word))).toBe(true);
  });
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

  test("explain and typegen", async () => {
    const explained = await explain(join(folder, "main.merlon"), { format: "text" });
    expect(explained.ok && explained.text).toContain("merlon-files");
    expect(typegen([join(folder, "main.merlon")], join(folder, "merlon-env.d.ts")).unreadable).toEqual([]);
  });

  test("files of a program are its author's paths, and a change in an imported one is compiled", async () => {
    const entry = join(folder, "main.merlon");
    const first = await compile(entry);
    expect(first.files).toEqual(
      expect.arrayContaining([entry, join(folder, "shared.merlon"), join(folder, "rate.ts")]),
    );
    expect(first.files.filter(file => file.endsWith(".merlon.ts"))).toEqual([]);
    const shared = join(folder, "shared.merlon");
    const text = readFileSync(shared, "utf8");
    writeFileSync(shared, text.replace("min: 0", "min: 5"));
    const second = await compile(entry);
    writeFileSync(shared, text);
    expect(JSON.stringify(second.ok && second.plan)).toContain('"min":5');
  });

  test("what is wrong in an imported file is reported there", async () => {
    const entry = join(folder, "faulty.merlon");
    writeFileSync(
      join(folder, "part.merlon"),
      'import { source } from "merlon";\nexport const a = source({ x: "int64" })["y"];\n',
    );
    writeFileSync(
      entry,
      'import { workflow } from "merlon";\nimport { a } from "./part.merlon";\nexport default workflow("faulty", a);\n',
    );
    const { diagnostics } = await compile(entry);
    expect(diagnostics.map(({ site, code }) => [site.file, code])).toEqual([
      [join(folder, "part.merlon"), "schema/column-missing"],
    ]);
  });

  test("a stack names the author's file and line", async () => {
    const entry = join(folder, "throws.merlon");
    writeFileSync(
      entry,
      'import { source, workflow } from "merlon";\nconst events = source({ x: "int64" });\nthrow new Error("stop");\nexport default workflow("x", events);\n',
    );
    const { diagnostics } = await compile(entry);
    expect(diagnostics.map(({ site }) => [site.file, site.start])).toEqual([[entry, expect.any(Number)]]);
    expect(diagnostics[0]!.message).toContain("stop");
    expect(readFileSync(entry, "utf8").slice(diagnostics[0]!.site.start)).toMatch(/^throw new Error/);
  });
});
