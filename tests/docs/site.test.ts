/** The documentation as a site: built without a network, no link without a target, no request to another host, and search finds a page. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { NAVIGATION } from "../../docs/.vitepress/navigation.mjs";
import { apiEntries, apiPages } from "../../scripts/docs/api.mjs";
import { readLink } from "../../scripts/docs/playground/link.mjs";
import { pages } from "../../scripts/docs/stage.mjs";
import { launchChromium } from "../needs/chromium.js";
import { buildSite } from "../needs/site.js";
import { ROOT } from "../run/graph.mjs";
import { serveFolder } from "./static-server.js";
import "../needs/built.js";

const folder = new TemporaryFolder("site");
let site: Awaited<ReturnType<typeof serveFolder>>;
let browser: Browser;
/** Path of a built page → its HTML. */
let built: ReadonlyMap<string, string>;

beforeAll(async () => {
  const noNetwork = join(import.meta.dirname, "no-network.mjs");
  await buildSite("test", folder.path, ["--import", noNetwork]);
  const files = readdirSync(folder.path, { recursive: true, encoding: "utf8" }).filter(path => path.endsWith(".html"));
  built = new Map(files.map(path => [path, readFileSync(join(folder.path, path), "utf8")]));
  site = await serveFolder(folder.path);
  browser = await launchChromium();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  site?.stop();
  folder.dispose();
});

test("the navigation has each page once", () => {
  const listed = NAVIGATION.flatMap(({ pages }) => pages);
  expect([...listed, "index.md"].sort()).toEqual(pages());
});

test('each page opens with "After this page"', () => {
  const opening = (page: string): string =>
    readFileSync(join(ROOT, "docs", page), "utf8")
      .replace(/^# .*\n\n/, "")
      .split(" ", 3)
      .join(" ");
  const others = NAVIGATION.flatMap(({ pages }) => pages).filter(page => opening(page) !== "After this page");
  expect(others).toEqual([]);
});

describe("links", () => {
  const idsOf = (html: string): ReadonlySet<string> =>
    new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!));

  /** @returns the links of the built pages that lead nowhere, as `page → link` */
  function deadLinks(htmls: ReadonlyMap<string, string>): string[] {
    const ids = new Map([...htmls].map(([path, html]) => [path, idsOf(html)]));
    return [...htmls].flatMap(([path, html]) =>
      [...html.matchAll(/<a [^>]*href="([^"]+)"/g)].flatMap(([, link]) => {
        if (/^[a-z]+:/.test(link!)) return [];
        const { pathname, hash } = new URL(link!, `http://site/${path}`);
        const file = pathname.slice(1).replace(/(^|\/)$/, "$1index.html");
        if (file === "playground/index.html" && hash) return readLink(hash) ? [] : [`${path} → ${link}`];
        const anchor = decodeURIComponent(hash.slice(1));
        const isThere = anchor ? ids.get(file)?.has(anchor) : ids.has(file);
        return isThere ? [] : [`${path} → ${link}`];
      }),
    );
  }

  test("lead to a page, and to a heading of it", () => {
    expect(built.size).toBeGreaterThan(pages().length);
    expect(deadLinks(built)).toEqual([]);
  });

  test("that lead nowhere are found", () => {
    const planted = new Map([
      [
        "a/x.html",
        '<h2 id="one"></h2><a href="#two"></a><a href="../y.html"></a><a href="../y.html#three"></a><a class="z" href="/gone.html"></a>',
      ],
      ["y.html", '<a href="/a/x.html#one"></a>'],
    ]);
    expect(deadLinks(planted)).toEqual(["a/x.html → #two", "a/x.html → ../y.html#three", "a/x.html → /gone.html"]);
  });
});

test.each([...apiEntries()])("the API page has each export of %s", (_, { source, include }) => {
  const declarations = join(ROOT, "dist", source.replace(/\.ts$/, ".d.ts"));
  const program = ts.createProgram([declarations], { noLib: true, module: ts.ModuleKind.NodeNext, types: [] });
  const checker = program.getTypeChecker();
  const names = checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations)!)!)
    .map(({ name }) => name)
    .filter(name => !name.startsWith("$"));
  expect(names.length).toBeGreaterThan(0);
  const html = built.get(`reference/${apiPages().get(include)!.replace(/\.md$/, ".html")}`)!;
  const headings = [...html.matchAll(/<h[2-4] id="[^"]*"[^>]*>([\w$]+)/g)].map(([, name]) => name);
  expect(headings).toEqual(expect.arrayContaining(names));
});

test("pages load nothing from another host, and write nothing to the console", async () => {
  const others: string[] = [];
  const page = await browser.newPage();
  page.on(
    "request",
    request =>
      request.url().startsWith(`${site.origin}/`) || request.url().startsWith("data:") || others.push(request.url()),
  );
  page.on("console", message => others.push(message.text()));
  page.on("pageerror", error => others.push(error.message));
  for (const path of ["index.html", ...NAVIGATION.map(({ pages }) => pages[0]!.replace(/\.md$/, ".html"))]) {
    await page.goto(`${site.origin}/${path}`);
    await page.waitForLoadState("networkidle");
  }
  await page.close();
  expect(others).toEqual([]);
});

test.each([
  ["start/first-ensemble.html", 0, "affordable"],
  ["guides/ranking.html", 0, "predictOnnx"],
  ["reference/operators.html", 3, "export default"],
] as const)(
  "%s opens its program in the playground",
  async (path, index, text) => {
    const page = await browser.newPage();
    await page.goto(`${site.origin}/${path}`);
    const opened = page.waitForEvent("popup");
    await page.getByRole("link", { name: "Open in the playground" }).nth(index).click();
    const playground = await opened;
    await playground.locator("#state", { hasText: /^Compiled|error/ }).waitFor({ timeout: 120_000 });
    expect(await playground.locator("#state").textContent()).toMatch(/^Compiled/);
    expect(await playground.locator(".cm-content").textContent()).toContain(text);
    await page.context().close();
  },
  180_000,
);

/** `MERLON_SCREENSHOTS` names a folder that keeps the pictures. */
const pictures = process.env.MERLON_SCREENSHOTS ?? join(folder.path, "pictures");
const LOOKS = [
  { name: "light", viewport: { width: 1280, height: 720 }, colorScheme: "light" },
  { name: "dark", viewport: { width: 1280, height: 720 }, colorScheme: "dark" },
  { name: "narrow", viewport: { width: 360, height: 740 }, colorScheme: "light" },
] as const;

describe.each(LOOKS)("$name, $viewport.width wide", ({ name, viewport, colorScheme }) => {
  test.each([
    "index",
    "start/first-ensemble",
    "guides/testing",
    "reference/operators",
    "reference/testing-api",
    "reference/nvtabular-parity",
  ])("%s fits its window", async path => {
    const page = await browser.newPage({ viewport, colorScheme });
    await page.goto(`${site.origin}/${path}.html`);
    await page.waitForLoadState("networkidle");
    expect(await page.locator("html.dark").count()).toBe(colorScheme === "dark" ? 1 : 0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    // Markup that became text.
    expect(await page.locator("main").textContent()).not.toMatch(/<a id=|&#\d+;|<!--/);
    const taken = await page.screenshot({ path: join(pictures, `${path.replace("/", "-")}-${name}.png`) });
    expect(taken.length).toBeGreaterThan(10_000);
    await page.close();
  });
});

test("the search finds an operator", async () => {
  const page = await browser.newPage();
  await page.goto(`${site.origin}/index.html`);
  await page.locator("#local-search button").first().click();
  await page.locator("#localsearch-input").fill("softmaxSampling");
  await page.locator(".VPLocalSearchBox .result").first().click();
  await page.waitForURL(url => !url.pathname.endsWith("/index.html"));
  await page.locator("main", { hasText: "softmaxSampling" }).waitFor();
  await page.close();
});
