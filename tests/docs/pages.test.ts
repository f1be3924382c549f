/** Blocks of the documentation that are data or printed text, and the count of them all. Each block is run, compared or read by some test. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { compile, printDiagnostics } from "#compiler/index.js";
import { parseVectorStore } from "#formats/vectors/vector-store.js";
import { checkMockSettings } from "#runtime/server/backends/mock/settings.js";
import { describeExposure } from "#runtime/server/lifecycle/exposure.js";
import { withDuckdb } from "#shop/parquet.js";
import { ROOT } from "../run/graph.mjs";
import { simulate, writeRows } from "../runtime/evaluation/logged-rows.js";
import { type Block, blocksOf, PAGES, placeOf, wholeText } from "./blocks.js";
import { runInProject } from "./run-in-project.js";
import { makeProject } from "./scratch-project.js";
import "../needs/built.js";

const blocks = PAGES.flatMap(blocksOf);
const project = makeProject();
afterAll(() => project.dispose());
const ofPage = (page: string, language: string): readonly Block[] =>
  blocks.filter(block => block.page === page && block.language === language);

const lines = (text: string): string[] => text.trimEnd().split("\n");
const joined = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/**
 * A printed block is in the output, line by line. The sentence at its beginning may be broken where the page breaks it, and lines of
 * context may be left out.
 */
function expectPrinted({ text }: Block, printed: string): void {
  const all = lines(text);
  const first = all.findIndex(line => /^\s*\d+ \||^help: /.test(line));
  expect(joined(printed)).toContain(joined(all.slice(0, first < 0 ? all.length : first).join(" ")));
  if (first >= 0) for (const line of all.slice(first)) expect(printed.split("\n")).toContain(line);
}

/** A block without a language, by its first word: how to print it anew. */
const PRINTED: Readonly<Record<string, (block: Block) => Promise<void> | void>> = {
  "README.md recommend.ensemble.ts:7:71:": async block => {
    const file = join(project.path, "recommend.ensemble.ts");
    writeFileSync(file, ofPage("README.md", "ts")[0]!.text.replace('"purchased_ids"', '"purchased_id"'));
    const { diagnostics } = await compile(file);
    expectPrinted(block, printDiagnostics(diagnostics, { folder: project.path, color: false }));
  },
  "docs/reference/configuration.md model-repo/": ({ text }) => {
    const [repository, ...models] = lines(text).map(line => line.trim().split(/ {2,}/));
    const folder = join(ROOT, repository![0]!);
    expect(models.map(([name]) => name!.replace("/", "")).sort()).toEqual(
      readdirSync(folder, { withFileTypes: true })
        .flatMap(entry => (entry.isDirectory() ? [entry.name] : []))
        .sort(),
    );
    for (const [name, files = ""] of models)
      for (const [file] of files.matchAll(/config\.pbtxt|1\/[\w.]+/g))
        expect(existsSync(join(folder, name!, file))).toBe(true);
    for (const [name, files = ""] of models)
      for (const [backend] of files.matchAll(/backend: "\w+"/g))
        expect(readFileSync(join(folder, name!, "config.pbtxt"), "utf8")).toContain(backend);
  },
  "CONTRIBUTING.md triton-protos/": ({ text }) => {
    const folders = lines(text).flatMap(line => /^([\w-]+)\//.exec(line)?.slice(1) ?? []);
    expect(folders.length).toBeGreaterThan(8);
    expect(folders.filter(name => !existsSync(join(ROOT, name)))).toEqual([]);
  },
  "docs/guides/security.md Exposed:": ({ text }) =>
    expect(
      describeExposure({
        ...{ service: "HTTP", address: "0.0.0.0", port: 8000, tls: "none" },
        ...{ restrictions: ["model-repository:admin-key=secret"], origins: [] },
      }),
    ).toBe(text.trimEnd()),
  "docs/guides/evaluation.md 4,000": async block => {
    await writeRows(join(project.path, "simulated.parquet"), simulate(4000, 3, { batch: 1 }));
    const words = ["--on", "simulated.parquet", "--policy", "next_probability", "--segment", "country"];
    const { out } = await runInProject(project.path, ["evaluate", ...words]);
    expect(out).toBe(block.text);
  },
  "docs/guides/experiments.md arm": async block => {
    const part = (text: string): string => `md5_number_lower(concat('${text}', r))`;
    const arm = `if(${part("arm")} % 2 = 0, 'control', 'treatment')`;
    const reward = `(${part("reward")} % 1000 < if(${part("arm")} % 2 = 0, 200, 230))::INTEGER`;
    const rows = `SELECT concat('r', r) AS request_id, 0 AS request_row, ${arm} AS arm, ${reward} AS reward FROM range(20000) t(r)`;
    await withDuckdb(connection =>
      connection.run(`COPY (${rows}) TO '${join(project.path, "joined.parquet")}' (FORMAT parquet)`),
    );
    const words = ["joined.parquet", "--arms", "control,treatment"];
    const { out } = await runInProject(project.path, ["experiment", "report", ...words]);
    expect(out).toBe(block.text);
  },
  "docs/guides/stock-triton.md recommend.ensemble.ts:8:22:": async block =>
    expectPrinted(block, (await refused("recommend", "seeded.ensemble.ts")).err),
  // The digits are those of this machine's logarithm.
  "docs/guides/stock-triton.md digits.ensemble.ts:3:16:": async block => {
    const digits = /: \d+ and \d+,/g;
    const { err } = await refused("digits", "digits.ensemble.ts");
    expectPrinted(
      { ...block, text: block.text.replaceAll(digits, ": N and N,") },
      err.replaceAll(digits, ": N and N,"),
    );
  },
};

/** Builds a program of `around/` for a stock Triton, which is refused. */
async function refused(name: string, around: string) {
  const text = readFileSync(join(import.meta.dirname, "around", around), "utf8");
  writeFileSync(join(project.path, `${name}.ensemble.ts`), text);
  const ran = await runInProject(project.path, [
    "build",
    `${name}.ensemble.ts`,
    "--target",
    "triton",
    "--out",
    "refused",
  ]);
  expect(ran.status).toBe(1);
  return ran;
}

const keyOf = ({ page, text }: Block): string => `${page} ${text.split(/\s/, 1)[0]}`;
const printed = blocks.filter(({ language, notRun }) => language === "text" && notRun === undefined);

test.each(printed.map(block => [placeOf(block), block] as const))(
  "what %s shows is what is printed",
  async (_, block) => {
    expect(Object.keys(PRINTED)).toContain(keyOf(block));
    await PRINTED[keyOf(block)]!(block);
  },
);

describe("data", () => {
  test("docs/guides/testing.md's mock.json is one, and names no file that the page doesn't have", () => {
    const [block, ...more] = ofPage("docs/guides/testing.md", "json");
    expect(more).toEqual([]);
    const settings = checkMockSettings(JSON.parse(block!.text), "the page");
    expect(Object.keys(settings)).toContain("otherwise");
    expect(settings.function).toBeUndefined();
  });
});

/** Languages and who reads them. */
const READ_BY: Readonly<Record<string, (block: Block) => boolean>> = {
  ts: () => true,
  sh: () => true,
  python: () => true,
  text: block => Object.hasOwn(PRINTED, keyOf(block)),
  json: ({ page }) => page === "docs/guides/testing.md",
  csv: ({ file }) => file !== undefined,
  // tests/compiler/editor/foreign.test.ts checks projects with these settings.
  jsonc: ({ page }) => page === "docs/guides/editors.md",
  // tests/docs/formatters.test.ts reads it.
  ini: ({ page }) => page === "docs/guides/editors.md",
  yaml: ({ page, text }) =>
    page === "docs/guides/vector-stores.md"
      ? parseVectorStore(text).dimension > 0
      : typeof parse(text).kind === "string",
};

test("every block of every page is read by a test; those that cannot run have a reason", () => {
  for (const block of blocks) {
    expect(
      block.notRun !== undefined || READ_BY[block.language]?.(block),
      `${placeOf(block)} (${block.language})`,
    ).toBe(true);
    if (block.around !== undefined) expect(wholeText(block)).toContain(block.text);
  }
  const skipped = blocks.filter(({ notRun }) => notRun !== undefined);
  expect(blocks.length).toBeGreaterThan(100);
  const reasons = skipped.map(block => `  ${placeOf(block)}: ${block.notRun}`);
  process.stdout.write(
    `${blocks.length} blocks of ${PAGES.length} pages, ${skipped.length} not run:\n${reasons.join("\n")}\n`,
  );
});

test("a file of a page's project is read by a command below it", () => {
  for (const block of blocks.filter(({ file }) => file !== undefined)) {
    const below = blocks.filter(
      ({ page, line, language }) => page === block.page && line > block.line && language === "sh",
    );
    expect(
      below.some(({ text }) => text.includes(block.file!)),
      placeOf(block),
    ).toBe(true);
  }
});

test("what is marked as not run is at least no other command than there is", async () => {
  const scripts = Object.keys(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts);
  const commands = blocks.flatMap(({ notRun, text }) => (notRun === undefined ? [] : lines(text)));
  for (const [, script] of commands.join("\n").matchAll(/npm run ([\w:-]+)/g)) expect(scripts).toContain(script);
  for (const [path] of commands.join("\n").matchAll(/\b(?:deploy|tools)\/[\w.-]+/g))
    expect(existsSync(join(ROOT, path)), path).toBe(true);
  for (const command of commands.filter(line => /^(?:npx )?merlon [a-z]/.test(line))) {
    const [, name, words] =
      /merlon ((?:(?:bloom|candidates|client|embedding|feast|feedback|import|index|vectors) )?\S+) (.*)/.exec(command)!;
    const { out } = await runInProject(project.path, [...name!.split(" "), "--help"]);
    for (const [flag] of words!.replace(/#.*$/, "").matchAll(/--[a-z][\w-]*/g)) expect(out, command).toContain(flag);
  }
});
