// `merlon migrate`: each sample and example is converted to `.merlon`, back, and to the method form, and compiles to the same plan in each.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isMerlonFile } from "#compiler/1-rewrite/file-form.js";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { compile, printDiagnostics } from "#compiler/index.js";
import { methodForm } from "#compiler/migrate/method-form.js";
import { migrate } from "#compiler/migrate/migrate.js";
import { writeChanges } from "#compiler/migrate/write-changes.js";
import { printPlan } from "#contract/plan.js";

const TESTS = join(import.meta.dirname, "../..");
const SAMPLES = join(TESTS, "samples");
const EXAMPLES = join(TESTS, "..", "examples");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-migrate-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The plan as it is written, or what is wrong. */
async function planOf(file: string): Promise<string> {
  const compiled = await compile(file);
  return compiled.ok ? printPlan(compiled.plan) : printDiagnostics(compiled.diagnostics, { color: false, folder: "" });
}

const run = (files: readonly string[], to: "merlon" | "ts" | "methods") => {
  const changes = migrate(files, { to });
  writeChanges(changes);
  return changes;
};
const programs = (of: string) =>
  readdirSync(of)
    .filter(name => isMerlonFile(name))
    .map(name => join(of, name));

describe("there and back, and to methods", () => {
  const names = readdirSync(SAMPLES).filter(name => !name.startsWith("error-") && name !== "artefacts");
  // One project, as the tree is: programs name artefacts and fixtures beside their folder.
  beforeAll(() => {
    cpSync(join(SAMPLES, "artefacts"), join(folder, "samples", "artefacts"), { recursive: true });
    cpSync(join(TESTS, "fixtures", "nvtabular"), join(folder, "fixtures", "nvtabular"), { recursive: true });
  });

  test.each(names)("%s", async name => {
    const home = join(folder, "samples", name);
    cpSync(join(SAMPLES, name), home, { recursive: true });
    const originals = programs(home).map(file => [file, readFileSync(file, "utf8")] as const);
    const main = () => programs(home).find(file => /\bmain\./.test(file))!;
    const expected = readFileSync(join(home, "expected.plan.json"), "utf8");

    run(programs(home), "merlon");
    expect(programs(home).filter(file => !file.endsWith(".merlon"))).toEqual([]);
    expect(await planOf(main())).toBe(expected);

    if (originals.every(([file]) => file.endsWith(".ts"))) {
      run(programs(home), "ts");
      for (const [file, text] of originals) expect(readFileSync(file, "utf8")).toBe(text);
    }
    for (const file of programs(home)) writeChanges(migrate([file], { to: "methods", kind: "ensemble" }));
    for (const file of programs(home))
      expect([file, rewrite(readFileSync(file, "utf8"), file).usesOperators]).toEqual([file, false]);
    expect(await planOf(main())).toBe(expected);
  });

  test.each(["shop", "films"])("examples/%s", name => {
    const home = join(folder, `example-${name}`);
    mkdirSync(home);
    for (const file of readdirSync(join(EXAMPLES, name)).filter(isMerlonFile))
      cpSync(join(EXAMPLES, name, file), join(home, file));
    const originals = programs(home).map(file => [file, readFileSync(file, "utf8")] as const);
    run(programs(home), "merlon");
    run(programs(home), "ts");
    for (const [file, text] of originals) expect(readFileSync(file, "utf8")).toBe(text);
    // Their artefacts are made by the demo, so no plan is compared: methods are the operators, call by call.
    for (const [file, text] of originals) {
      const sites = (of: string) => rewrite(of, file).sites.map(site => site.operator);
      expect(sites(methodForm(text, file, () => false)).toSorted()).toEqual(sites(text).toSorted());
    }
  });
});

describe("the method form", () => {
  const HEAD = 'const events = source({ a: "float32" });\n';
  test.each([
    ["a >> b()", "a.pipe(b())"],
    ['["a"] >> b()', 'events.pick(["a"]).pipe(b())'],
    ['"a" >> b()', 'events.pick("a").pipe(b())'],
    ['tag("user") >> b()', 'events.pick(tag("user")).pipe(b())'],
    ["a + b >> c()", "a.plus(b).pipe(c())"],
    ["a >> c() + b", "a.pipe(c().plus(b))"],
    ['(["a"] >> b()) + (c >> d())', 'events.pick(["a"]).pipe(b()).plus(c.pipe(d()))'],
    ['a - "x" - ["y"]', 'a.minus("x").minus(["y"])'],
    ['a + ["x"]', 'a.plus(events.pick(["x"]))'],
    ['a["x"]["y"] >> b()', 'a.pick("x").pick("y").pipe(b())'],
    ['a["x", "y"]', 'a.pick(["x", "y"])'],
    ['a[["x"]]', 'a.pick(["x"])'],
    ["(await a) >> b()", "(await a).pipe(b())"],
    ["(flag ? a : b) >> c()", "(flag ? a : b).pipe(c())"],
    ["1 + 2", "1 + 2"],
    ['"a" + name', '"a" + name'],
    ["list[0]", "list[0]"],
    ["a >> filter(row => row.x > 1 + n)", "a.pipe(filter(row => row.x > 1 + n))"],
    ["a\n  // why\n  >> b() // what\n  >> c();", "a\n  // why\n  .pipe(b()) // what\n  .pipe(c());"],
    ["a >>\n  b()", "a.pipe(\n  b())"],
    ["a /* x */ + /* y */ b", "a /* x */ .plus( /* y */ b)"],
    ["(\n  a >> b()\n) + c", "(\n  a.pipe(b())\n).plus(c)"],
    ["[a, b] ", "[a, b] "],
  ])("%s", (operators, methods) => {
    expect(methodForm(HEAD + operators, "x.workflow.ts", () => false)).toBe(HEAD + methods);
  });
});

describe("files", () => {
  const project = (files: Readonly<Record<string, string>>) => {
    const home = mkdtempSync(join(folder, "p-"));
    writeFileSync(join(home, "package.json"), "{}");
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(home, name, ".."), { recursive: true });
      writeFileSync(join(home, name), text);
    }
    return {
      home,
      read: (name: string) => readFileSync(join(home, name), "utf8"),
      at: (name: string) => join(home, name),
    };
  };
  const SHARED = 'import { source } from "merlon";\nexport const a = source({ a: "float32" });\n';

  test.each([
    [
      "a target that exists",
      { "x.workflow.ts": SHARED, "x.merlon": SHARED },
      ["x.workflow.ts"],
      /x\.merlon, which exists/,
    ],
    [
      "two files of one target",
      { "x.workflow.ts": SHARED, "x.ensemble.ts": SHARED },
      ["x.workflow.ts", "x.ensemble.ts"],
      /would both become/,
    ],
    [
      "a second form of another",
      { "x.workflow.ts": SHARED, "x.ensemble.ts": SHARED },
      ["x.workflow.ts"],
      /a second form of .*x\.ensemble\.ts/,
    ],
    ["a file that is missing", {}, ["x.workflow.ts"], /there is no such file/],
    ["a file that is no program", { "x.ts": SHARED }, ["x.ts"], /is not a program/],
    ["a folder", { "x.workflow.ts/a": "" }, ["x.workflow.ts"], /not a regular file/],
  ])("refuses %s, and writes nothing", (_, files, given, reason) => {
    const { home, at } = project(files as Record<string, string>);
    const before = readdirSync(home).toSorted();
    expect(() => run(given.map(at), "merlon")).toThrow(reason);
    expect(readdirSync(home).toSorted()).toEqual(before);
  });
});
