// The page of `merlon serve --ui` in a real Chromium, over the example's repository. Screenshots are in .cache/ui, to be looked at.
import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveUi, type Ui } from "#cli/ui/serve-ui.js";
import { connect } from "#runtime/client/index.js";
import { type RunningServer, serve } from "#runtime/server/index.js";
import { launchChromium } from "../../needs/chromium.js";

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
  server = await serve({
    modelRepositories: repositories,
    http: here,
    grpc: here,
    metrics: false,
    recentRequests: {},
    writeLog: () => {},
  });
  ui = await serveUi({
    port: 0,
    server: { address: "127.0.0.1", port: server.ports.http! },
    repositories,
    recent: server.recent,
    intervalMs: 100,
  });
  browser = await launchChromium();
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

test("models, graph, request, trace, why and why not; nothing on the console, no other server called", async () => {
  await page
    .locator("#models button", { hasText: /^recommend\s*READY/ })
    .first()
    .click();
  await page.locator('.card[data-step="ordering.softmaxSampling"]').waitFor();
  expect(await page.locator("#models .READY").count()).toBe(3);
  expect(await text("#live")).toBe("live");

  await page.locator("#in-user_id").fill("[[512300022]]");
  await page.keyboard.press("Control+Enter");
  await page.locator("#timings details").first().waitFor();
  expect(await text("#timings")).toContain("ranking.transformWorkflow");
  expect(await text("#console")).toContain('"ordered_ids"');
  await page.locator("#trace summary", { hasText: "ordered_ids: INT64 [1, 10]" }).click();
  expect(await text("#parameters")).toBe("");
  await page.locator("#stages tr", { hasText: "retrieval.queryFaiss" }).waitFor();
  await page.locator('.card[data-step="retrieval.queryFaiss"] .does', { hasText: /ms, 1 → 100 rows/ }).waitFor();
  const answered = JSON.parse((await text("#console"))!) as { outputs: { name: string; data: number[] }[] };
  const [best] = answered.outputs.find(o => o.name === "ordered_ids")!.data;

  await page.locator("#candidate").fill(String(best));
  await page.keyboard.press("Enter");
  expect(await text("#story")).toMatch(
    /found by retrieval\.queryFaiss, at position \d+.*dlrm|ranking.*Why: it is at place 1 of the answer/s,
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

test("requests of any client, over gRPC and HTTP, are there stage by stage, and after a reload", async () => {
  await using grpc = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  await grpc.infer("recommend", { user_id: [[512300022n]] }, { requestId: "from-grpc" });
  await using http = await connect(`http://127.0.0.1:${server.ports.http}`);
  await expect(
    http.infer("recommend", { user_id: { datatype: "INT64", shape: [2], raw: new Uint8Array(16) } } as never),
  ).rejects.toThrow();
  const line = page.locator("#requests tr", { hasText: "from-grpc" });
  await line.waitFor();
  expect(await line.textContent()).toContain("gRPC");
  await page.locator("#requests .bad", { hasText: "unexpected shape" }).waitFor();

  await page.reload();
  await line.waitFor();
  // With the keyboard alone: open the request, then a stage, then a tensor that it made.
  await line.locator("button").focus();
  await page.keyboard.press("Enter");
  await page.locator('#requests tr[aria-selected="true"]', { hasText: "from-grpc" }).waitFor();
  const stage = page.locator('#timings details[data-stage="retrieval.queryFaiss"]');
  await stage.locator("summary").first().focus();
  await page.keyboard.press("Enter");
  const tensor = stage.locator("details", { hasText: "candidate_ids: INT64 [100]" });
  await tensor.locator("summary").focus();
  await page.keyboard.press("Space");
  const candidates = JSON.parse((await tensor.locator("pre").textContent())!) as unknown[];
  expect(candidates).toHaveLength(100);
  expect(candidates.every(Number.isSafeInteger)).toBe(true);

  await page.locator("#candidates summary").focus();
  await page.keyboard.press("Enter");
  await page.locator("#candidates button").first().click();
  expect(await text("#story")).toContain("Why: it is at place 1 of the answer");
  await page.locator("#candidates tr", { hasText: "dropped by" }).first().locator("button").click();
  expect(await text("#story")).toContain("Why not: ");
  // From the picture to the tensors of a stage.
  await page.locator('.card[data-step="filtering.filterCandidates"]').click();
  expect(await page.evaluate("document.activeElement.textContent")).toContain("filtering.filterCandidates");
  await page.screenshot({ path: join(SHOTS, "requests.png"), fullPage: true });

  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await page.screenshot({ path: join(SHOTS, "narrow.png"), fullPage: true });
  await page.setViewportSize({ width: 1440, height: 1400 });
  complaints.length = 0;
}, 60_000);

test("a mistake in the form is reported, and so is the server's refusal", async () => {
  await page.locator("#in-user_id").fill("[[1");
  await page.keyboard.press("Control+Enter");
  expect(await text("#console")).toContain("user_id is not JSON");
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
    "/serve-ui.js",
    "/requests/..",
    "/v2x",
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
