/** The playground in Chromium: diagnostics are those of Node, an untrusted program reaches nothing, and links open their text. */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { compile } from "#compiler/index.js";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { LONGEST, linkToExample, readLink, writeLink } from "../../scripts/docs/playground/link.mjs";
import { kindOf, withPlayground } from "../../scripts/docs/programs.mjs";
import { launchChromium } from "../needs/chromium.js";
import { buildPlayground } from "../needs/site.js";
import { ROOT } from "../run/graph.mjs";
import { blocksOf, PAGES, wholeText } from "./blocks.js";
import { serveFolder } from "./static-server.js";
import "../needs/built.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const FOUR_STAGES = "ensemble-four-stages/main.ensemble.ts";
const folder = new TemporaryFolder("playground");
let site: Awaited<ReturnType<typeof serveFolder>>;
let browser: Browser;
let page: Page;
const requests: string[] = [];
const problems: string[] = [];

beforeAll(async () => {
  await buildPlayground(folder.path);
  site = await serveFolder(folder.path);
  browser = await launchChromium();
  page = await openPage("");
}, 300_000);
afterAll(async () => {
  await browser?.close();
  site?.stop();
  folder.dispose();
});

async function openPage(fragment: string): Promise<Page> {
  const opened = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  opened.on("request", request => requests.push(request.url()));
  opened.on("pageerror", error => problems.push(error.message));
  await opened.goto(`${site.origin}/index.html${fragment}`);
  await settled(opened);
  return opened;
}

const state = (of: Page) => of.locator("#state");
const settled = (of: Page) =>
  state(of)
    .filter({ hasText: /^Compiled|error/ })
    .waitFor({ timeout: 120_000 });
const editor = (of: Page) => of.locator(".cm-content");
const tab = (name: string) => page.getByRole("tab", { name });

/** Replaces the text of the editor, and waits until the compiler has read that text. */
async function type(text: string, expected: RegExp): Promise<void> {
  await state(page).evaluate(shown => (shown.textContent = "typing"));
  await editor(page).fill(text);
  await state(page).filter({ hasText: expected }).waitFor({ timeout: 120_000 });
}

async function openExample(name: string): Promise<void> {
  await page.getByLabel("Example").selectOption(name);
  await settled(page);
}

const workflow = (body: string) =>
  `import { categorify, source, workflow } from "merlon";\nconst events = source({ user_id: "int64", brand: "string" });\n${body}\n`;

const WORKFLOW = "workflow-features/main.workflow.ts";

describe("a program", () => {
  test("shows a mistake at its operand, and graph, plan and repository once it is mended", async () => {
    await openExample(FOUR_STAGES);
    const text = readFileSync(join(SAMPLES, FOUR_STAGES), "utf8");
    await type(text.replace('user["purchased_ids"]', 'user["purchased_id"]'), /^1 error$/);
    await expect.poll(() => page.locator("#messages li").textContent()).toContain("Did you mean `purchased_ids`?");
    await expect
      .poll(() => page.locator(".cm-lintRange-error").textContent())
      .toContain('user["purchased_id"]'.slice(5, -1));
    await tab("Graph").click();
    await page.locator("#graph", { hasText: "No graph" }).waitFor();
    await type(text, /^Compiled in/);
    await page.frameLocator("#graph iframe").locator("svg").first().waitFor();
    await tab("Repository").click();
    await page.locator("#repository", { hasText: 'backend: "merlon"' }).waitFor();
    await tab("Plan").click();
    await page.locator("#plan pre").waitFor();
    expect(JSON.parse((await page.locator("#plan pre").textContent())!)).toMatchObject({ name: "recommend" });
    await tab("Messages").click();
  }, 180_000);

  test("names markup as text", async () => {
    await openExample(WORKFLOW);
    await type(
      workflow('export default workflow("<img src=x onerror=alert(1)>", events[["brand"]] >> categorify());'),
      /error|^Compiled/,
    );
    expect(await page.locator("#result img").count()).toBe(0);
  }, 180_000);

  test("that does not end is stopped, and the next one compiles", async () => {
    await openExample(WORKFLOW);
    await type(workflow('for (;;);\nexport default workflow("x", events[["brand"]] >> categorify());'), /^1 error$/);
    expect(await page.locator("#messages").textContent()).toContain("graph/timeout");
    await type(workflow('export default workflow("x", events[["brand"]] >> categorify());'), /^Compiled in/);
  }, 180_000);

  test("of a stranger reaches no host, by a request or by an import", async () => {
    let reached = 0;
    const other = createServer((_, response) => {
      reached++;
      response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "text/javascript" }).end();
    }).listen(0, "127.0.0.1");
    await once(other, "listening");
    const origin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await openExample(WORKFLOW);
    for (const [statement, refused] of [
      [`await (globalThis as any).fetch("${origin}/stolen");`, "Failed to fetchCorrect"],
      [`const at = "${origin}/x.js"; await import(at);`, "Failed to fetch dynamically imported module"],
      ['import "https://example.org/x.js";', "TS2882"],
    ] as const) {
      await type(workflow(`${statement}\nexport default workflow("x", events[["brand"]] >> categorify());`), /error/);
      expect(await page.locator("#messages").textContent()).toContain(refused);
    }
    expect(reached).toBe(0);
    other.close();
    expect(
      requests.filter(url => !/^(?:data|blob):/.test(url) && !url.startsWith(site.origin) && !url.startsWith(origin)),
    ).toEqual([]);
    expect(problems).toEqual([]);
  }, 180_000);
});

/** One in six of the golden programs, so that each run takes seconds; all by MERLON_ALL_SAMPLES=1. Three take until their time limit. */
const programs = readdirSync(SAMPLES, { recursive: true, encoding: "utf8" })
  .filter(
    path =>
      /\.(?:ensemble|workflow)\.ts$|\.merlon$/.test(path) &&
      !/^(?:artefacts|error-(?:exit|loop|timeout))[/\\]/.test(path),
  )
  .map(path => path.split(sep).join("/"))
  .sort()
  .filter((_, i) => process.env.MERLON_ALL_SAMPLES || i % 6 === 0);

/** Compiles programs in a worker of the page. @returns the diagnostics of each */
async function compileInPage(
  linked: readonly { readonly file: string; readonly text: string }[],
): Promise<readonly (readonly string[])[]> {
  // As text: Vitest would replace the `import()` of a function.
  return (await page.evaluate(`(async programs => {
    const { startCompiler } = await import("./page-parts.js");
    const compiler = startCompiler(new URL("compiler.js", location.href));
    const results = [];
    for (const program of programs) {
      const { diagnostics } = await compiler.call("compile", program);
      results.push(diagnostics.map(({ code, line, column, message }) => line + ":" + column + " " + code + " " + message));
    }
    return results;
  })(${JSON.stringify(linked)})`)) as readonly (readonly string[])[];
}

const sample = (file: string) => ({ file, text: readFileSync(join(SAMPLES, file), "utf8") });

test("the golden programs get the diagnostics that they get in Node", async () => {
  const found = await compileInPage(programs.map(sample));
  const plain = (text: string) =>
    text
      .replaceAll(`${relative(ROOT, SAMPLES)}/`, "")
      .replaceAll(`${SAMPLES}/`, "")
      .replaceAll("/project/", "");
  for (const [i, name] of programs.entries()) {
    const { diagnostics } = await compile(join(SAMPLES, name));
    const expected = diagnostics.map(({ code, line, column, message }) => `${line}:${column} ${code} ${message}`);
    expect(found[i]!.map(plain), name).toEqual(expected.map(plain));
  }
  expect(programs.length).toBeGreaterThan(20);
}, 600_000);

describe("the programs of the documentation", () => {
  const docs = PAGES.filter(path => path.startsWith("docs/"));
  /** Links of each page, as the site has them. */
  const linksOf = (path: string) =>
    [
      ...withPlayground(path, readFileSync(join(ROOT, path), "utf8")).matchAll(
        /\[Open in the playground\]\(\/playground\/index\.html#([^)]+)\)/g,
      ),
    ].map(([, fragment]) => readLink(fragment!));

  test("have a link each, and those of the reader's own files none", () => {
    for (const path of docs) {
      const expected = blocksOf(path).filter(block => block.sample || kindOf(wholeText(block)));
      const readsOwnFiles = /own-(?:index|models)\.md$/.test(path);
      expect(linksOf(path).length, path).toBe(readsOwnFiles ? 0 : expected.length);
    }
  });

  test("compile as their links open them", async () => {
    const linked = docs.flatMap(linksOf).map(link => (link!.text === undefined ? sample(link!.file) : link!));
    const unique = [...new Map(linked.map(link => [writeLink(link), link])).values()];
    const found = await compileInPage(unique as { file: string; text: string }[]);
    expect(unique.map(({ file }, i) => [file, found[i]])).toEqual(unique.map(({ file }) => [file, []]));
    expect(unique.length).toBeGreaterThan(30);
  }, 300_000);
});

describe("a link", () => {
  test("opens with its text in another page", async () => {
    await openExample(WORKFLOW);
    const text = workflow('// linked — ✓\nexport default workflow("x", events[["brand"]] >> categorify());');
    await type(text, /^Compiled in/);
    await page.getByRole("button", { name: "Copy link" }).click();
    const other = await openPage(new URL(page.url()).hash);
    expect(await other.evaluate(() => document.querySelector(".cm-content")!.textContent)).toContain("linked — ✓");
    await other.close();
  }, 180_000);

  test("to an example opens it, and one to no example opens the first one", async () => {
    for (const [name, text] of [
      ["ensemble-branches/main.ensemble.ts", 'ensemble("branches"'],
      ["ensemble-branches/nothing.ensemble.ts", 'ensemble("recommend"'],
    ] as const) {
      const other = await openPage(`#${linkToExample(name)}`);
      expect(await editor(other).textContent()).toContain(text);
      await other.close();
    }
  }, 180_000);

  test("that is damaged, hostile or large is ignored", () => {
    const link = (file: string, text = "x") => readLink(`#${writeLink({ file, text })}`);
    expect(link("a/b.workflow.ts")).toEqual({ file: "a/b.workflow.ts", text: "x" });
    for (const file of ["../b.ts", "a/../../b", "/etc/passwd", "a", "a/b/c", "a/.."])
      expect(link(file), file).toBeUndefined();
    expect(link("a/b.ts", " ".repeat(2 * LONGEST))).toBeUndefined();
    expect(readLink("#example=a/main.ensemble.ts")).toEqual({ file: "a/main.ensemble.ts" });
    for (const fragment of [
      "",
      "#example=",
      "#example=../b",
      "#example=a/../b",
      "#code=",
      "#code=AAAA",
      "#code=!!",
      "#other",
      `#code=${"A".repeat(100_000)}`,
    ])
      expect(readLink(fragment), fragment.slice(0, 20)).toBeUndefined();
  });
});

test("it is at most 5 MB, compressed", () => {
  const sizes = readdirSync(folder.path).map(
    name => gzipSync(readFileSync(join(folder.path, name)), { level: 6 }).length,
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(5_000_000);
});

test("it fits a narrow window", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  onTestFinished(() => page.setViewportSize({ width: 1280, height: 720 }));
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
});
