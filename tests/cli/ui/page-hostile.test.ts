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
import { faultsOfAxe } from "./axe.js";

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
const elements = () => page.evaluate("document.querySelectorAll('*').length") as Promise<number>;

test("200 inputs and 200 outputs: prefilled and accepted, filtered, and a document of bounded size", async () => {
  await page.locator("#in-feature_199").waitFor();
  expect(await page.locator("#in-feature_7").inputValue()).toBe("[[1, 1, 1, 1]]");
  await send();
  await page.getByRole("searchbox", { name: "Filter inputs by name" }).fill("feature_19");
  expect(await page.locator("#fields .field:visible").count()).toBe(11);
  expect(await page.locator("#answer > details").count()).toBe(19);
  await page.locator("#answer > details").first().locator("summary").click();
  expect(await page.locator("#answer th", { hasText: "score_10" }).first().isVisible()).toBe(true);
  expect(await elements()).toBeLessThan(3000);
  expect(await faultsOfAxe(page)).toEqual([]);
}, 60_000);

test("10,000 values: a page of them at a time, and the last one is reached", async () => {
  await choose("long");
  const list = Array.from({ length: 10_000 }, (_, i) => (i === 9_999 ? "Infinity" : i === 0 ? "NaN" : String(i / 8)));
  await page.locator("#in-x").fill(`[${list.join(",")}]`);
  await send();
  expect(await page.locator("#answer .pager").textContent()).toContain("1–50 of 10,000");
  expect((await cells()).slice(0, 3)).toEqual(["NaN", "0.125", "0.25"]);
  expect(await page.locator("#answer td.nan").count()).toBe(1);
  expect(await elements()).toBeLessThan(1500);
  const last = page.getByRole("button", { name: "Last rows" });
  await last.click();
  expect(await page.locator("#answer .pager").textContent()).toContain("9,951–10,000 of 10,000");
  expect((await cells()).at(-1)).toBe("Infinity");
  expect(await last.isDisabled()).toBe(true);
  // In the record of the request only the first values are kept, and it says so.
  await page.locator("#tab-requests").click();
  await page.locator("#trace .pager", { hasText: "of 10,000; only the first 200 are kept" }).first().waitFor();
  await page.locator("#tab-try").click();
  // One value alone fills the tensor; an empty list is one.
  await page.locator("#in-x").fill("[]");
  await send();
  expect(await page.locator("#answer .pager").textContent()).toContain("no rows");
}, 60_000);

test("nulls are sent and received with their validity; wide integers and halves are exact", async () => {
  await choose("nulls");
  expect(await page.locator("#fields textarea").count()).toBe(1);
  await page.locator("#in-score").fill("[[9007199254740993, null], [-1, -9223372036854775808]]");
  await send();
  expect(await page.locator("#answer th").allTextContents()).toEqual(["row", "item", "back"]);
  expect(await cells()).toEqual(["9007199254740993", "null", "-1", "-9223372036854775808"]);
  expect(await page.locator("#answer td.null").count()).toBe(1);
  await choose("half");
  await page.locator("#in-h").fill("[1, -0.5, 65504, 65520, 5.960464477539063e-8, NaN, 0.1, 2049]");
  await send();
  // As NumPy rounds to float16: 65520 is infinite, 2049 is halfway and rounds to the even one.
  expect(await cells()).toEqual(["1", "-0.5", "65504", "Infinity", "5.96e-8", "NaN", "0.09998", "2048"]);
}, 60_000);

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

test("responses that arrive in another order: the newest list stays, and a row keeps its place in the document and the focus", async () => {
  await using client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  const infer = (requestId: string) => client.infer("half", { h: new Uint16Array(2) } as never, { requestId });
  const rowOf = (id: string) => page.locator(`#requests tr[data-request-id="${id}"]`);
  await page.locator("#tab-requests").click();
  await infer("first");
  await rowOf("first").locator("button").focus();
  // The list with `second` only is held until the one with `third` is shown.
  let held: (() => Promise<void>) | undefined;
  let passed = 0;
  await page.route("**/requests", async route => {
    if (held) {
      passed++;
      return route.continue();
    }
    const response = await route.fetch();
    held = () => route.fulfill({ response });
  });
  await infer("second");
  await expect.poll(() => held).toBeDefined();
  await infer("third");
  await rowOf("third").waitFor();
  expect(passed).toBeGreaterThan(0);
  const late = page.waitForResponse("**/requests");
  await held!();
  await (await late).finished();
  // By the end of another call the page has read that response.
  await page.evaluate("fetch('/access').then(got => got.text())");
  expect(await rowOf("third").count()).toBe(1);
  await infer("fourth");
  await rowOf("fourth").waitFor();
  expect(await page.evaluate("document.activeElement.closest('tr')?.dataset.requestId")).toBe("first");
}, 60_000);

test("500 requests at once: all are counted, 50 are listed, and the address of an older one says that it is not kept", async () => {
  await using client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  await Promise.all(Array.from({ length: 500 }, () => client.infer("half", { h: new Uint16Array(2) } as never)));
  await page.locator("#tab-requests").click();
  await page.locator("#unseen", { hasText: /^\d+ more requests were counted, but not recorded/ }).waitFor();
  expect(await page.locator("#requests tbody tr").count()).toBe(50);
  await page.goto(`${ui.url}#requests/half/1`);
  await page.reload();
  await page.locator("#trace .bad", { hasText: "this request is no longer kept" }).waitFor();
  await choose("half");
  await page.locator("#tab-overview").click();
  await page.locator("#scope").selectOption("one");
  await page.locator("#tiles dd", { hasText: /^5\d\d$/ }).waitFor();
  await page.screenshot({ path: join(SHOTS, "many-requests.png") });
}, 60_000);

test("a server that ends and starts again: the page reports it, reconnects by itself, and keeps the typed text", async () => {
  await choose("recommend");
  await page.locator("#tab-try").click();
  await page.locator("#in-user_id").fill("[[512300022]]");
  const port = Number(new URL(ui.url).port);
  await stop();
  await page.locator("#live.bad", { hasText: "the server is away; reconnecting every second" }).waitFor();
  await page.locator('#form button[type="submit"]').click();
  await page.locator("#console.bad", { hasText: "the server is away" }).waitFor();
  await start({}, port);
  await page.locator("#live.good", { hasText: "live" }).waitFor();
  expect(await page.locator("#in-user_id").inputValue()).toBe("[[512300022]]");
  await page.locator("#tab-requests").click();
  await page.locator("#requests caption", { hasText: "No requests yet." }).waitFor();
  expect(await page.locator("#trace").textContent()).toBe("No request is open.");
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
