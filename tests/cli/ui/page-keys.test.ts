// The page in a real Chromium: keys of restricted APIs, quick changes of models, and names that a URL would encode.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { serveUi, type Ui } from "#cli/ui/serve-ui.js";
import { type RunningServer, serve } from "#runtime/server/index.js";
import { launchChromium } from "../../needs/chromium.js";

const NAMES = ["first", "second", "a+b:c@v1,(x)", "with blank", "ü"];
const RESTRICTED = ["model-repository,statistics:admin-key=open", "metadata,inference:client-key=sesame"];
let server: RunningServer;
let ui: Ui;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-page-"));
  for (const [i, name] of NAMES.entries()) {
    mkdirSync(join(folder, name, "1"), { recursive: true });
    const tensor = (port: string): string => `${port} [ { name: "${port}_${i}" data_type: TYPE_FP32 dims: [1] } ]`;
    const rule = `parameters { key: "mock" value { string_value: '{"outputs":{"output_${i}":{"constant":${i}}}}' } }`;
    writeFileSync(join(folder, name, "config.pbtxt"), `backend: "mock" ${tensor("input")} ${tensor("output")} ${rule}`);
  }
  const here = { address: "127.0.0.1", port: 0 };
  server = await serve({
    modelRepositories: [folder],
    http: here,
    grpc: here,
    metrics: false,
    recentRequests: {},
    httpRestrictedApis: RESTRICTED,
    writeLog: () => {},
  });
  ui = await serveUi({
    port: 0,
    server: { address: "127.0.0.1", port: server.ports.http!, restricted: RESTRICTED },
    repositories: [folder],
    recent: server.recent,
    intervalMs: 100,
  });
  browser = await launchChromium();
}, 120_000);
// A page of its own for each test, which has no keys.
beforeEach(async () => {
  page = await browser.newPage();
  await page.goto(ui.url);
  return () => page.close();
});
afterAll(async () => {
  await browser?.close();
  await ui?.stop();
  await server?.stop();
});
const button = (name: string) =>
  page.locator("#models button").filter({ hasText: new RegExp(`^${name.replace(/[^\w]/g, "\\$&")}\\s*READY`) });

test("the page shows nothing before it has the keys; wrong ones are refused; right ones are enough for everything", async () => {
  await page.locator("#access input").first().waitFor();
  expect(await page.locator("#access label").allTextContents()).toEqual(["admin-key", "client-key"]);
  expect(await page.locator("#models button").count()).toBe(0);
  await page.locator("#key-0").fill("wrong");
  await page.locator("#key-1").fill("sesame");
  await page.keyboard.press("Enter");
  await page.locator("#access .bad", { hasText: "does not take these keys" }).waitFor();
  // The one that was right is no longer missing.
  expect(await page.locator("#access label").allTextContents()).toEqual(["admin-key"]);
  await page.locator("#key-0").fill("open");
  await page.keyboard.press("Enter");
  await page.locator("#models button").first().waitFor();
  expect(await page.locator("#access").isVisible()).toBe(false);
  await button("second").click();
  await page.locator("#tab-try").click();
  await page.locator("#in-input_1").fill("[1]");
  await page.locator('#form button[type="submit"]').click();
  await page.locator("#answer th", { hasText: "output_1" }).waitFor();
  await page.locator("#tab-requests").click();
  await page.locator("#requests tr", { hasText: "second" }).waitFor();
  await page.locator("#tab-overview").click();
  await page.locator("#scope").selectOption("one");
  await page.locator("#tiles dd", { hasText: /^1$/ }).waitFor();
}, 60_000);
