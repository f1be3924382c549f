/**
 * The start of the playground in Chromium with an empty cache: time until the first diagnostics, CPU time of the page's process, and sizes. `--runs N` repeats it, `--folder FOLDER` takes a playground that is built. Needs the built product and Chromium.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { ensureSite, makePlayground } from "../../scripts/docs/main.mjs";
import { serveGzipped } from "./serve-gzipped.mjs";

const LONGEST_SECONDS = 3;
const LARGEST_MB = 5;

const { values } = parseArgs({ options: { runs: { type: "string", default: "5" }, folder: { type: "string" } } });
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "merlon-playground-"));
const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

try {
  if (!values.folder) {
    await ensureSite();
    await makePlayground(folder);
  }
  const site = await serveGzipped(folder);
  const runs = [];
  for (let i = 0; i < Number(values.runs); i++) runs.push(await start(`${site.origin}/index.html`));
  await site.stop();
  print(runs, site.sent);
} finally {
  if (!values.folder) rmSync(folder, { recursive: true, force: true });
}

/** Opens the page in a browser of its own. @returns seconds of each mark since the navigation, and CPU seconds of the page's process */
async function start(url) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page
      .locator("#state")
      .filter({ hasText: /^Compiled|error/ })
      .waitFor({ timeout: 300_000 });
    const seconds = await page.evaluate(() => performance.now() / 1000);
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const cpu = processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
    return { seconds, cpu, compiled: await page.locator("#state").textContent() };
  } finally {
    await browser.close();
  }
}

function print(runs, sent) {
  const sizeOf = name => gzipSync(readFileSync(join(folder, name)), { level: 6 }).length;
  const rows = readdirSync(folder)
    .map(name => [name, sizeOf(name), sent.has(`/${name}`) ? "start" : "later"])
    .toSorted((a, b) => b[1] - a[1]);
  for (const [name, size, when] of rows) console.log(`${(size / 1e6).toFixed(2).padStart(6)} MB  ${when}  ${name}`);
  const megabytes = rows.reduce((sum, [, size]) => sum + size, 0) / 1e6;
  const seconds = median(runs.map(run => run.seconds));
  console.log(`${megabytes.toFixed(2)} MB compressed (at most ${LARGEST_MB})`);
  console.log(
    `${seconds.toFixed(2)} s until the first diagnostics, ${median(runs.map(run => run.cpu)).toFixed(2)} s of CPU: medians of ${runs.length} starts`,
  );
  console.log(runs.map(run => `${run.seconds.toFixed(2)} s, ${run.cpu.toFixed(2)} s CPU: ${run.compiled}`).join("\n"));
  if (megabytes > LARGEST_MB) process.exitCode = 1;
  if (seconds > LONGEST_SECONDS) console.log(`More than ${LONGEST_SECONDS} s: run it on a machine without other work.`);
}
