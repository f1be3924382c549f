/** The playground in Chromium: the compiler in a worker says what it says in Node, a stranger's program reaches nothing, and links lead back to their text. */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { LONGEST, readLink, writeLink } from "../../scripts/docs/playground/link.mjs";
import { launchChromium } from "../needs/chromium.js";
import { buildPlayground } from "../needs/site.js";
import { ROOT } from "../run/graph.mjs";
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
    const text = readFileSync(join(SAMPLES, FOUR_STAGES), "utf8");
    await type(text.replace('user["purchased_ids"]', 'user["purchased_id"]'), /^1 error$/);
    await expect.poll(() => page.locator("#messages li").textContent()).toContain("Did you mean `purchased_ids`?");
    await expect
      .poll(() => page.locator(".cm-lintRange-error").textContent())
      .toContain('user["purchased_id"]'.slice(5, -1));
    await tab("Graph").click();
    expect(await page.locator("#graph").textContent()).toContain("No graph");
    await type(text, /^Compiled in/);
    await page.frameLocator("#graph iframe").locator("svg").first().waitFor();
    await tab("Repository").click();
    expect(await page.locator("#repository").textContent()).toContain('backend: "merlon"');
    await tab("Plan").click();
    expect(JSON.parse((await page.locator("#plan pre").textContent())!)).toMatchObject({ name: "recommend" });
    await tab("Messages").click();
  }, 180_000);

  test("names markup as text", async () => {
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

/** One in four of the golden programs, so that each run takes seconds; all by MERLON_ALL_SAMPLES=1. Three take until their time limit. */
const programs = readdirSync(SAMPLES, { recursive: true, encoding: "utf8" })
  .filter(
    path =>
      /\.(?:ensemble|workflow)\.ts$|\.merlon$/.test(path) &&
      !/^(?:artefacts|error-(?:exit|loop|timeout))[/\\]/.test(path),
  )
  .map(path => path.split(sep).join("/"))
  .sort()
  .filter((_, i) => process.env.MERLON_ALL_SAMPLES || i % 4 === 0);

test("the golden programs get the diagnostics that they get in Node", async () => {
  // As text: Vitest would replace the `import()` of a function.
  const found = (await page.evaluate(`(async names => {
    const { startCompiler } = await import("./page-parts.js");
    const compiler = startCompiler(new URL("compiler.js", location.href));
    const { files } = await (await fetch("examples.json")).json();
    const results = {};
    for (const name of names) {
      const text = new TextDecoder().decode(Uint8Array.from(atob(files[name]), char => char.charCodeAt(0)));
      const { diagnostics } = await compiler.call("compile", { file: name, text });
      results[name] = diagnostics.map(({ code, line, column, message }) => line + ":" + column + " " + code + " " + message);
    }
    return results;
  })(${JSON.stringify(programs)})`)) as Readonly<Record<string, readonly string[]>>;
  const plain = (text: string) =>
    text
      .replaceAll(`${relative(ROOT, SAMPLES)}/`, "")
      .replaceAll(`${SAMPLES}/`, "")
      .replaceAll("/project/", "");
  for (const name of programs) {
    const { diagnostics } = await compile(join(SAMPLES, name));
    const expected = diagnostics.map(({ code, line, column, message }) => `${line}:${column} ${code} ${message}`);
    expect(found[name]!.map(plain), name).toEqual(expected.map(plain));
  }
  expect(programs.length).toBeGreaterThan(20);
}, 300_000);

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

  test("that is damaged, hostile or large is ignored", () => {
    const link = (file: string, text = "x") => readLink(`#${writeLink({ file, text })}`);
    expect(link("a/b.workflow.ts")).toEqual({ file: "a/b.workflow.ts", text: "x" });
    for (const file of ["../b.ts", "a/../../b", "/etc/passwd", "a", "a/b/c", "a/.."])
      expect(link(file), file).toBeUndefined();
    expect(link("a/b.ts", " ".repeat(2 * LONGEST))).toBeUndefined();
    for (const fragment of ["", "#code=", "#code=AAAA", "#code=!!", "#other", `#code=${"A".repeat(100_000)}`])
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
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
});
