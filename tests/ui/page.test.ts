// The page of `merlon serve --ui` in a real Chromium, over the example's repository. Screenshots are in .cache/ui, to be looked at.
import { existsSync, mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveUi, type Ui } from "#cli/ui/serve-ui.js";
import { type RunningServer, serve } from "#runtime/index.js";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const SHOTS = ".cache/ui";
const repositories = ["model-repo"];
let server: RunningServer;
let ui: Ui;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const hosts = new Set<string>();

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  const here = { address: "127.0.0.1", port: 0 };
  server = await serve({ modelRepositories: repositories, http: here, metrics: here, grpc: false, writeLog: () => {} });
  ui = await serveUi({
    port: 0,
    httpPort: server.ports.http!,
    metricsPort: server.ports.metrics,
    repositories,
    intervalMs: 100,
  });
  browser = await chromium.launch({ executablePath: CHROMIUM ?? "chromium", args: ["--no-sandbox"] });
  page = await browser.newPage({ viewport: { width: 1440, height: 1400 }, colorScheme: "light" });
  page.on("console", message => complaints.push(message.text()));
  page.on("pageerror", error => complaints.push(error.message));
  page.on("request", asked => hosts.add(new URL(asked.url()).host));
  await page.goto(ui.url);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await ui?.stop();
  await server?.stop();
});

const text = (selector: string) => page.locator(selector).textContent();

test("models, graph, request, trace, why and why not; nothing on the console, nobody else asked", async () => {
  await page
    .locator("#models button", { hasText: /^recommend\s*READY/ })
    .first()
    .click();
  await page.locator('.card[data-step="ordering.softmaxSampling"]').waitFor();
  expect(await page.locator("#models .READY").count()).toBe(3);
  expect(await text("#live")).toBe("live");

  await page.locator("#in-user_id").fill("[[512300022]]");
  await page.keyboard.press("Control+Enter");
  await page.locator("#timings tr").first().waitFor();
  expect(await text("#timings")).toContain("ranking.transformWorkflow");
  expect(await text("#console")).toContain('"ordered_ids"');
  await page.locator("#trace summary", { hasText: "ordered_ids: INT64 [1, 10]" }).click();
  await page.locator("#stages tr", { hasText: "retrieval.queryFaiss" }).waitFor();
  await page.locator('.card[data-step="retrieval.queryFaiss"] .does', { hasText: /ms, 1 → 100 rows/ }).waitFor();
  const answered = JSON.parse((await text("#console"))!) as { outputs: { name: string; data: number[] }[] };
  const [best] = answered.outputs.find(o => o.name === "ordered_ids")!.data;

  await page.locator("#candidate").fill(String(best));
  await page.keyboard.press("Enter");
  expect(await text("#story")).toMatch(
    /retrieval\.queryFaiss found it, at place \d+.*dlrm|ranking.*Why: it is at place 1 of the answer/s,
  );
  await page.screenshot({ path: join(SHOTS, "light.png"), fullPage: true });
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await page.locator("#candidate").fill("-5");
  await page.locator("#why").click();
  const candidates = /Candidates of this request: (.*)\./.exec((await text("#story"))!)![1]!.split(", ");
  const stories: string[] = [];
  for (const id of candidates) {
    await page.locator("#candidate").fill(id);
    await page.locator("#why").click();
    stories.push((await text("#story"))!);
  }
  expect(stories.some(story => story.includes("Why not: "))).toBe(true);

  await page.locator("#theme").click();
  expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
  await page.screenshot({ path: join(SHOTS, "dark.png"), fullPage: true });
  expect(complaints).toEqual([]);
  expect([...hosts]).toEqual([new URL(ui.url).host]);
}, 60_000);

test("a mistake in the form is told, and so is the server's no", async () => {
  await page.locator("#in-user_id").fill("[[1");
  await page.keyboard.press("Control+Enter");
  expect(await text("#console")).toContain("user_id is no JSON");
  await page.locator("#in-user_id").fill("[[1.5]]");
  await page.keyboard.press("Control+Enter");
  await page.locator("#console.bad").waitFor();
  complaints.length = 0;
}, 30_000);

const ask = (path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; body: string }>((done, fail) => {
    const { hostname, port } = new URL(ui.url);
    request({ hostname, port, path, headers }, answer => {
      let body = "";
      answer.on("data", chunk => {
        body += chunk;
      });
      answer.on("end", () => done({ status: answer.statusCode!, body }));
    })
      .on("error", fail)
      .end();
  });

test("other names, other sites and paths outside get nothing", async () => {
  expect((await ask("/", { host: "evil.example" })).status).toBe(403);
  expect((await ask("/v2", { origin: "http://evil.example" })).status).toBe(403);
  expect((await ask("/v2")).status).toBe(200);
  for (const path of [
    "/graph/..%2f..%2fetc",
    "/graph/%2e%2e",
    "/../package.json",
    "/page/../serve-ui.js",
    "/etc/passwd",
  ])
    expect([path, (await ask(path)).status]).toEqual([path, 404]);
});

test("OpenAPI has the model's own tensors", async () => {
  const { status, body } = await ask("/v2/models/recommend/docs");
  expect(status).toBe(200);
  const document = JSON.parse(body) as { openapi: string; paths: Record<string, unknown> };
  for (const model of ["recommend", "recommend_dlrm"]) {
    const checked = await new Validator().validate(JSON.parse((await ask(`/v2/models/${model}/docs`)).body) as object);
    expect(checked).toMatchObject({ valid: true });
  }
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toEqual(["/v2/models/recommend/infer"]);
  expect(body).toContain('"const": "user_id"');
  expect(body).toContain('"ordered_ids"');
  expect((await ask("/v2/models/nobody/docs")).status).toBe(404);
});
