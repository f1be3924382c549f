// The arm of a request: in the recorder, on the page in a real Chromium, and in a verbose log.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveUi, type Ui } from "#cli/ui/serve-ui.js";
import { build, compile } from "#compiler/index.js";
import { launchChromium } from "../../needs/chromium.js";
import { startServer } from "../../runtime/server/support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-arms-"));
const repository = join(folder, "repository");
const PROGRAM = `import { ensemble, rename, source, split } from "merlon";
const request = source({ user_id: "int64", age: "float32", height: "float32" });
const old = request["age"] >> rename({ name: "size" });
const tall = request["height"] >> rename({ name: "size" });
export default ensemble("sized", request["user_id"] >> split({ old, tall }));
`;
let server: Awaited<ReturnType<typeof startServer>>;
let ui: Ui;
let browser: Browser;

beforeAll(async () => {
  writeFileSync(join(folder, "sized.ensemble.ts"), PROGRAM);
  const compiled = await compile(join(folder, "sized.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  build(compiled, repository);
  server = await startServer(repository, {
    recentRequests: {},
    log: { info: true, warning: true, error: true, verbose: 1, format: "default" },
  });
  ui = await serveUi({
    port: 0,
    server: { address: "127.0.0.1", port: server.ports.http! },
    repositories: [repository],
    recent: server.recent,
    intervalMs: 100,
  });
  browser = await launchChromium();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await ui?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const send = (id: string, users: readonly number[], parameters = {}) =>
  server.post("/v2/models/sized/infer", {
    id,
    parameters,
    inputs: ["user_id", "age", "height"].map(name => ({
      name,
      datatype: name === "user_id" ? "INT64" : "FP32",
      shape: [users.length, 1],
      data: users,
    })),
  });

test("is that of the response", async () => {
  expect((await send("one", [1], { arm: "tall" })).body).toMatchObject({ parameters: { arm: "tall" } });
  expect((await send("two", [1, 2], { arm: "old" })).status).toBe(200);
  expect((await send("none", [1], { arm: "short" })).status).toBe(400);
  const list = await server.recent!.list();
  expect(list.map(({ requestId, arm }) => [requestId, arm])).toEqual([
    ["none", undefined],
    ["two", '["old","old"]'],
    ["one", "tall"],
  ]);
  const log = server.log.join("");
  expect(log).toContain("[request id: one] arm: tall");
  expect(log).toMatch(/\[request id: two\] arm: \[.*old.*old.*\]/);
  expect(log).not.toMatch(/\[request id: none\] arm:/);

  const page = await browser.newPage();
  await page.goto(ui.url);
  await page.getByRole("tab", { name: "Requests" }).click();
  await page.locator("#requests tbody tr").nth(2).waitFor();
  expect(await page.locator("#requests th").allTextContents()).toEqual([
    "time",
    "model",
    "user",
    "arm",
    "outcome",
    "latency",
  ]);
  const armsShown = await page.locator("#requests tbody tr > :nth-child(4)").allTextContents();
  expect(armsShown).toEqual(["–", "old", "tall"]);
  await page.locator('#requests tr[data-request-id="one"] button').click();
  await page.locator("#trace", { hasText: "arm tall" }).waitFor();
});
