// The page of `merlon serve --ui` in a real Chromium, over the example's repository. Screenshots are in .cache/ui, to be looked at.
import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
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
  browser = await launchChromium();
}, 120_000);
afterAll(() => browser?.close());
// A server of its own for each test, which has seen no request, and a page that has kept nothing.
beforeEach(async () => {
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
  complaints.length = 0;
  hosts.clear();
  page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" });
  page.on("console", message => complaints.push(message.text()));
  page.on("pageerror", error => complaints.push(error.message));
  page.on("request", asked => hosts.add(new URL(asked.url()).host));
  await page.goto(ui.url);
});
afterEach(async () => {
  await page?.close();
  await ui?.stop();
  await server?.stop();
});

const text = (selector: string) => page.locator(selector).textContent();
const tab = (name: string) => page.getByRole("tab", { name });
const shot = (name: string) => page.screenshot({ path: join(SHOTS, `${name}.png`) });

test("models, charts, graph, request, steps, why and why not; nothing on the console, no other host", async () => {
  await page
    .locator("#models button", { hasText: /^recommend\s*READY/ })
    .first()
    .waitFor();
  expect(await page.locator("#models .READY").count()).toBe(3);
  expect(await text("#live")).toBe("live");
  expect(await text("#name")).toBe("recommend");
  expect(await text("#window")).toBe("last 5 min, every 5 s");

  // The form takes what it prefills.
  await tab("Try").click();
  await page.locator('#form button[type="submit"]').click();
  await page.locator("#console", { hasText: "responded in" }).waitFor();
  await page.locator("#in-user_id").fill("[[512300022]]");
  await page.keyboard.press("Control+Enter");
  const table = page.locator("#answer table");
  await page
    .locator("#answer td", { hasText: /^\d{7,}$/ })
    .first()
    .waitFor();
  expect(await table.locator("th").allTextContents()).toEqual(["row", "item", "ordered_ids", "ordered_scores"]);
  expect(await table.locator("tbody tr").count()).toBe(10);
  const best = (await table.locator("tbody tr").first().locator("td").nth(2).textContent())!;
  await shot("try");

  await tab("Requests").click();
  await page.locator("#timings details").first().waitFor();
  expect(await text("#timings")).toContain("ranking.transformWorkflow");
  const line = page.locator("#requests tbody tr").first();
  expect(await line.textContent()).toMatch(/recommend512300022.*1 × 10 ordered_ids.* ms$/);

  await tab("Graph").click();
  const figure = page.locator('.card[data-step="retrieval.queryFaiss"] .figure');
  await figure.filter({ hasText: /^[\d.]+ ms$/ }).waitFor();
  expect(await text('.card[data-step="retrieval.queryFaiss"] > title')).toMatch(/\d runs?, \d+ → \d+00 rows/);
  expect(await page.locator("#map").isVisible()).toBe(false);
  await shot("graph");

  await tab("Why").click();
  await page.locator("#candidate").fill(best);
  await page.keyboard.press("Enter");
  expect(await text("#story")).toMatch(
    /found by retrieval\.queryFaiss, at position \d+.*dlrm|ranking.*Why: it is at place 1 of the answer/s,
  );
  await page.locator("#candidate").fill("-5");
  await page.locator("#why").click();
  expect(await text("#story")).toMatch(/No step found -5\. Candidates of this request: \d+, /);
  await page.locator("#outcome").selectOption("dropped");
  await page.locator("#candidates tbody button").first().click();
  expect(await text("#story")).toContain("Why not: ");

  await tab("Overview").click();
  await page.locator("#tiles dd", { hasText: /^[1-9]\d*$/ }).waitFor();
  expect(await page.locator("#chart-latency svg").getAttribute("aria-label")).toMatch(
    /^Latency, last 5 min\. p50: latest [\d.]+ ms, highest [\d.]+ ms; p95: /,
  );
  await page.locator("#stages tr", { hasText: "retrieval.queryFaiss" }).waitFor();
  await shot("light");
  await page.locator("#theme").click();
  expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
  await shot("dark");
  expect(complaints).toEqual([]);
  expect([...hosts]).toEqual([new URL(ui.url).host]);
}, 60_000);

test("requests of any client, over gRPC and HTTP, are there step by step, and after a reload", async () => {
  await using grpc = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  await grpc.infer("recommend", { user_id: [[512300022n]] }, { requestId: "from-grpc" });
  await using http = await connect(`http://127.0.0.1:${server.ports.http}`);
  await expect(
    http.infer("recommend", { user_id: { datatype: "INT64", shape: [2], raw: new Uint8Array(16) } } as never),
  ).rejects.toThrow();
  await tab("Requests").click();
  const line = page.locator('#requests tr[data-request-id="from-grpc"]');
  await line.waitFor();
  expect(await line.locator("span").first().getAttribute("title")).toContain("over gRPC, id from-grpc");
  await page.locator("#requests .bad", { hasText: "unexpected shape" }).waitFor();
  await page.locator("#only-failed").check();
  expect(await line.count()).toBe(0);
  expect(await page.locator("#requests tbody tr").count()).toBe(1);

  await page.reload();
  await line.waitFor();
  // With the keyboard alone: open the request, then a step, then a tensor that it made.
  await line.locator("button").focus();
  await page.keyboard.press("Enter");
  await page.locator('#requests tr[aria-selected="true"][data-request-id="from-grpc"]').waitFor();
  const stage = page.locator('#timings details[data-stage="retrieval.queryFaiss"]');
  await stage.locator("summary").first().focus();
  await page.keyboard.press("Enter");
  const tensor = stage.locator("details", { hasText: "candidate_ids: INT64 [100]" });
  await tensor.locator("summary").focus();
  await page.keyboard.press("Space");
  const candidates = JSON.parse((await tensor.locator("pre").textContent())!) as unknown[];
  expect(candidates).toHaveLength(100);
  expect(candidates.every(Number.isSafeInteger)).toBe(true);
  await shot("requests");

  // The address names the request: it is there after a reload, and the browser's back button leaves it.
  expect(page.url()).toMatch(/#requests\/recommend\/\d+$/);
  await page.reload();
  await page.locator("#trace h3", { hasText: "to recommend version 1" }).waitFor();
  await tab("Why").click();
  await page.locator("#candidates button").first().click();
  expect(await text("#story")).toContain("Why: it is at place 1 of the answer");
  expect(page.url()).toMatch(/#why\/recommend\/\d+$/);
  await page.goBack();
  await page.locator('#tab-requests[aria-selected="true"]').waitFor();
  // From the picture to the tensors of a step, and the figures of that request alone.
  await tab("Graph").click();
  await page.locator("#figures").selectOption("one");
  await page.locator('.card[data-step="filtering.filterCandidates"]').click();
  expect(await page.evaluate("document.activeElement.textContent")).toContain("filtering.filterCandidates");
  await page.locator("#trace button", { hasText: "Use these inputs" }).click();
  expect(await page.locator("#in-user_id").inputValue()).toBe("[[512300022]]");
  complaints.length = 0;
}, 60_000);

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
    "/panel.js",
    "/history?model=nobody",
    "/history?model=__proto__",
    "/serve-ui.js",
    "/requests/..",
    "/v2x",
    "/etc/passwd",
  ])
    expect([path, (await ask(path)).status]).toEqual([path, 404]);
});
