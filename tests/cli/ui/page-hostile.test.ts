// The page in a real Chromium with extreme models and answers: very many inputs and values, nulls, and text that looks like markup. A step fails,
// many requests run at once, and the server ends and starts again while the page is open.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { serveUi, type Ui } from "#cli/ui/serve-ui.js";
import { connect } from "#runtime/client/index.js";
import { type RunningServer, type ServeOptions, serve } from "#runtime/server/index.js";
import { launchChromium } from "../../needs/chromium.js";

const SHOTS = ".cache/ui";
const MARKUP = '<img src=x onerror="window.hacked=1">';
const folder = mkdtempSync(join(tmpdir(), "merlon-page-"));
let server: RunningServer;
let ui: Ui;
let browser: Browser;
let page: Page;
const errors: string[] = [];

const tensors = (kind: "input" | "output", names: readonly string[], type: string, dims: string): string =>
  names.map(name => `${kind} [ { name: ${JSON.stringify(name)} data_type: TYPE_${type} dims: [${dims}] } ]`).join("\n");
function model(name: string, config: string, outputs: object): void {
  mkdirSync(join(folder, name, "1"), { recursive: true });
  writeFileSync(join(folder, name, "config.pbtxt"), `backend: "mock"\n${config}`);
  writeFileSync(join(folder, name, "mock.json"), JSON.stringify({ outputs }));
}

async function start(options: Partial<ServeOptions>, port: number): Promise<void> {
  const here = { address: "127.0.0.1", port: 0 };
  const repositories = ["model-repo", folder];
  server = await serve({
    modelRepositories: repositories,
    http: here,
    grpc: here,
    metrics: false,
    recentRequests: { perSecond: 60 },
    writeLog: () => {},
    ...options,
  });
  ui = await serveUi({
    port,
    server: { address: "127.0.0.1", port: server.ports.http! },
    repositories,
    recent: server.recent,
    intervalMs: 100,
  });
}
const stop = async (): Promise<void> => {
  await ui?.stop();
  await server?.stop();
};

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  const many = Array.from({ length: 200 }, (_, i) => `feature_${i}`);
  const out = Array.from({ length: 200 }, (_, i) => `score_${i}`);
  model("wide", `${tensors("input", many, "FP32", "1, 4")}\n${tensors("output", out, "FP32", "1, 4")}`, {});
  model("long", `${tensors("input", ["x"], "FP64", "-1")}\n${tensors("output", ["y"], "FP64", "-1")}`, { y: "echo" });
  const score = ["score", "score__validity"];
  model(
    "nulls",
    `${tensors("input", score.slice(0, 1), "INT64", "-1, 2")}\n${tensors("input", score.slice(1), "BOOL", "-1, 2")}
     ${tensors("output", ["back"], "INT64", "-1, 2")}\n${tensors("output", ["back__validity"], "BOOL", "-1, 2")}`,
    { back: { echo: "score" }, back__validity: { echo: "score__validity" } },
  );
  model("text", `${tensors("input", [MARKUP], "STRING", "-1")}\n${tensors("output", ["said"], "STRING", "-1")}`, {
    said: { echo: MARKUP },
  });
  model("half", `${tensors("input", ["h"], "FP16", "-1")}\n${tensors("output", ["back"], "FP16", "-1")}`, {
    back: "echo",
  });
  await start({}, 0);
  browser = await launchChromium();
}, 120_000);
beforeEach(async () => {
  errors.length = 0;
  page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" });
  page.on("pageerror", error => errors.push(error.message));
  await page.goto(`${ui.url}#try/wide`);
  return async () => {
    await page.close();
    expect(errors).toEqual([]);
  };
});
afterAll(async () => {
  await browser?.close();
  await stop();
});

const choose = async (name: string): Promise<void> => {
  await page
    .locator("#models button")
    .filter({ hasText: new RegExp(`^${name}READY`) })
    .click();
  await page
    .locator("#name")
    .filter({ hasText: new RegExp(`^${name}$`) })
    .waitFor();
  await page.locator("#fields textarea").first().waitFor({ state: "attached" });
};
const send = async (): Promise<void> => {
  await page.locator('#form button[type="submit"]').click();
  await page.locator("#console", { hasText: "responded in" }).waitFor();
};
const cells = () => page.locator("#answer tbody td:not(.place)").allTextContents();

test("names and values that look like markup are text, in the form, the response and the list of requests", async () => {
  await choose("text");
  const field = page.locator("#fields textarea");
  await field.fill(JSON.stringify([MARKUP, "", "</textarea><script>window.hacked=1</script>"]));
  await send();
  expect(await cells()).toEqual([MARKUP, "(empty text)", "</textarea><script>window.hacked=1</script>"]);
  await using client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  await client.infer("text", { [MARKUP]: [MARKUP] } as never, { requestId: MARKUP });
  await page.locator("#tab-requests").click();
  // The row of the form's own request has such a text in its title too, and may be the only one at first.
  const line = page.locator("#requests tbody tr").filter({ has: page.locator('[title*=", id <img"]') });
  await line.locator("button").click();
  await page.locator("#trace p", { hasText: MARKUP }).waitFor();
  await page.locator("#trace button", { hasText: "Use these inputs" }).click();
  expect(await field.inputValue()).toBe(JSON.stringify([MARKUP]));
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.evaluate("window.hacked")).toBeUndefined();
}, 60_000);

test("a request that fails at a step shows it there: in the list, in its steps and in the graph", async () => {
  await stop();
  await start({ faults: ["recommend_dlrm:error"] }, Number(new URL(ui.url).port));
  await page.goto(`${ui.url}#try/recommend`);
  await page.reload();
  await page.locator("#in-user_id").fill("[[512300022]]");
  await page.locator('#form button[type="submit"]').click();
  await page.locator("#console.bad", { hasText: "step `ranking.predictOnnx`" }).waitFor();
  await page.locator("#tab-requests").click();
  const line = page.locator("#requests tbody tr", { hasText: "failed at ranking.predictOnnx" });
  await line.waitFor();
  expect(await line.textContent()).toContain("512300022");
  await page.locator(".alert strong", { hasText: "Failed at step ranking.predictOnnx" }).waitFor();
  expect(await page.locator('#timings .failed[data-stage="ranking.predictOnnx"]').count()).toBe(1);
  await page.screenshot({ path: join(SHOTS, "failed-step.png") });
  await page.locator("#tab-graph").click();
  await page.locator("#figures").selectOption("one");
  expect(
    await page.locator(".card.failed").evaluateAll(cards => cards.map(card => (card as HTMLElement).dataset.step)),
  ).toEqual(["ranking.predictOnnx"]);
  expect(await page.locator("#graph-note.bad").textContent()).toContain("step `ranking.predictOnnx`");
  await page.screenshot({ path: join(SHOTS, "failed-graph.png") });
  await page.locator("#figures").selectOption("all");
  expect(await page.locator(".card.failed").count()).toBe(0);
  await page.locator("#graph-note", { hasText: "ranking.predictOnnx: 1 failed" }).waitFor();
  await page.locator("#tab-overview").click();
  await page.locator("#stages tr", { hasText: /^ranking\.predictOnnx11/ }).waitFor();
}, 60_000);
