/**
 * TypeScript in the documentation. Programs compile, and those that are files of a project compile by its commands. Everything else is type-checked as
 * strict TypeScript 6 does it in a project with the package.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, printDiagnostics } from "#compiler/index.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { folderOf as playgroundFolder, kindOf as programKind, SEEN } from "../../scripts/docs/programs.mjs";
import { ROOT } from "../run/graph.mjs";
import { type Block, blocksOf, PAGES, placeOf, wholeText } from "./blocks.js";
import { makeProject } from "./scratch-project.js";
import "../needs/built.js";

const blocks = PAGES.flatMap(blocksOf).filter(
  ({ language, notRun, file, by }) => language === "ts" && [notRun, file, by].every(note => note === undefined),
);
const excerpts = blocks.filter(({ page, sample }) => sample !== undefined || page === "docs/contributing/extending.md");
const kindOf = (block: Block): string | undefined => programKind(wholeText(block));
const programs = blocks.filter(block => !excerpts.includes(block) && kindOf(block) !== undefined);
const others = blocks.filter(block => !excerpts.includes(block) && kindOf(block) === undefined);
/** As test titles: `README.md:22`. */
const named = (some: readonly Block[]): (readonly [string, Block])[] => some.map(block => [placeOf(block), block]);

const project = makeProject();
afterAll(() => project.dispose());
const at = (...names: string[]): string => join(project.path, ...names);

beforeAll(() => {
  // The reference's programs use the artefacts of the samples; the page about Bloom filters has a store with one.
  for (const name of ["samples", "seen"]) mkdirSync(at(name));
  for (const name of ["etl", "features", "index", "models"])
    symlinkSync(join(ROOT, "tests", "samples", "artefacts", name), at("samples", name));
  writeFeastRepository(at("seen", "features"), SEEN as never);
});

/** The folder whose artefacts a page's programs read; the project itself has those of the shop. */
const folderOf = ({ page }: Block): string =>
  (({ artefacts: "samples", seen: "seen" }) as Record<string, string>)[playgroundFolder(page) as string] ?? "";

test.each(named(programs))("the program at %s compiles", async (_, block) => {
  const file = at(folderOf(block), `${basename(block.page, ".md")}-${block.line}.${kindOf(block)}.ts`);
  writeFileSync(file, wholeText(block));
  const compiled = await compile(file);
  expect(printDiagnostics(compiled.diagnostics, { folder: dirname(file), color: false })).toBe("");
  expect(compiled.ok).toBe(true);
});

describe("under strict TypeScript 6", () => {
  let sentences: ReadonlyMap<string, readonly string[]>;
  const fileOf = ({ page, line }: Block): string => at(`${page.replaceAll(/\W/g, "-")}-${line}.ts`);

  /** @returns sentences by file: code, line, text */
  function check(files: readonly string[]): ReadonlyMap<string, readonly string[]> {
    const program = ts.createProgram(files, {
      strict: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      types: ["node"],
      skipLibCheck: true,
    });
    const found = new Map<string, string[]>();
    for (const { code, file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
      const line = file ? file.getLineAndCharacterOfPosition(start!).line + 1 : 0;
      const said = `TS${code} at ${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      found.set(file?.fileName ?? "", [...(found.get(file?.fileName ?? "") ?? []), said]);
    }
    return found;
  }

  beforeAll(() => {
    for (const block of others) writeFileSync(fileOf(block), wholeText(block));
    writeFileSync(
      at("planted.ts"),
      'import { connect } from "merlon/client";\nexport const client: number = connect("x");\n',
    );
    sentences = check([...others.map(fileOf), at("planted.ts")]);
  });

  test("a mistake would be found", () =>
    expect(sentences.get(at("planted.ts"))).toEqual([expect.stringContaining("TS2322 at 2")]));

  test.each(named(others))("%s", (_, block) => expect(sentences.get(fileOf(block)) ?? []).toEqual([]));
});

describe("excerpts are in the files they are of", () => {
  const bare = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replaceAll(/[\s,]+/g, "");
  const read = (path: string): string => bare(readFileSync(join(ROOT, path), "utf8"));

  test.each(named(excerpts))("%s", (_, { sample, text }) => {
    if (sample !== undefined) return expect(read(sample)).toContain(bare(text));
    // The operator of that page: each part begins with its file's name.
    const parts = [...text.matchAll(/^\/\/ (\w+\.ts): .*\n([\s\S]*?)(?=^\/\/ \w+\.ts: |(?![\s\S]))/gm)];
    expect(parts.map(([, name]) => name)).toEqual(["spec.ts", "author.ts", "kernel.ts"]);
    for (const [, name, part] of parts)
      for (const statement of part!.split(/^(?=export )/m))
        expect(read(relative(ROOT, join(ROOT, "operators", "log-op", name!)))).toContain(bare(statement));
  });
});
