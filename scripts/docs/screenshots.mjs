// The pictures of docs/guides/browser-page.md: this checkout's own page after a minute of requests. Needs `npm run build`. Fails if a picture is
// larger than 150 KiB.
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMAGES = join(ROOT, "docs/images");
const MOST_BYTES = 150 * 1024;
const SECONDS = 60;

process.chdir(ROOT);
mkdirSync(IMAGES, { recursive: true });
const { serve } = await import("../../dist/runtime/server/index.js");
const { serveUi } = await import("../../dist/cli/ui/serve-ui.js");
const { connect } = await import("../../dist/runtime/client/index.js");

const here = { address: "127.0.0.1", port: 0 };
const repositories = ["model-repo"];
const server = await serve({
  modelRepositories: repositories,
  http: here,
  grpc: here,
  metrics: false,
  recentRequests: { history: { intervalMs: 1000 } },
  writeLog: () => {},
});
const ui = await serveUi({
  port: 0,
  server: { address: "127.0.0.1", port: server.ports.http },
  repositories,
  recent: server.recent,
});
const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
let isOver = false;
const loading = load();
try {
  await new Promise(done => setTimeout(done, SECONDS * 1000));
  await take("light", { width: 1280, height: 720 }, "overview", "page-overview");
  await take("dark", { width: 1280, height: 720 }, "graph", "page-graph");
  await take("light", { width: 390, height: 844 }, "why", "page-narrow");
} finally {
  isOver = true;
  await loading;
  await browser.close();
  await client.close();
  await ui.stop();
  await server.stop();
}

/** Requests of fifty users, more and fewer in turns, and now and then one of a wrong shape. */
async function load() {
  for (let i = 0; !isOver; i++) {
    const user = 512300022n + BigInt(i % 50);
    const wrong = i % 97 === 96;
    const input = wrong ? { datatype: "INT64", shape: [2], raw: new Uint8Array(16) } : [[user]];
    await client.infer("recommend", { user_id: input }).catch(() => {});
    await new Promise(done => setTimeout(done, 25 + 20 * Math.sin(performance.now() / 5000)));
  }
}

async function take(colorScheme, viewport, tab, name) {
  const page = await browser.newPage({ viewport, colorScheme });
  await page.goto(`${ui.url}#requests/recommend/${server.recent.newest}`);
  await page.locator("#timings details").first().waitFor();
  await page.locator(`#tab-${tab}`).click();
  if (tab === "why") await page.locator("#candidates tbody button").nth(1).click();
  await page.waitForTimeout(1500);
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  await page.close();
  if (statSync(path).size > MOST_BYTES) throw new Error(`${path} is larger than ${MOST_BYTES} bytes`);
}
