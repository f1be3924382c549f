// The HTML page of `merlon explain`, in a real Chromium (`npm test` installs Debian's package where it is missing). The screenshots it takes are
// in .cache/explain, to be looked at.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { explain } from "#compiler/index.js";
import { launchChromium } from "../../needs/chromium.js";

const SAMPLES = "tests/samples";
const SHOTS = ".cache/explain";
const folder = mkdtempSync(join(tmpdir(), "merlon-page-"));

let browser: Browser;
let page: Page;
const complaints: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

async function open(sample: string): Promise<void> {
  const file = join(folder, `${sample}.html`);
  if (!existsSync(file)) {
    const explained = await explain(`${SAMPLES}/${sample}/main.ensemble.ts`, { format: "html" });
    writeFileSync(file, explained.ok ? explained.text : "not compiled");
  }
  await page?.close();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  complaints.length = requests.length = 0;
  page.on("console", message => complaints.push(message.text()));
  page.on("pageerror", error => complaints.push(error.message));
  page.on("request", request => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
}
const panel = () => page.locator("#panel").textContent();
async function shot(name: string): Promise<void> {
  const path = join(SHOTS, `${name}.png`);
  await page.waitForTimeout(200);
  await page.screenshot({ path });
  expect(statSync(path).size).toBeGreaterThan(10_000);
}

describe("four stages", () => {
  beforeEach(() => open("ensemble-four-stages"));

  test("draws every step and column, makes no request, and prints nothing on the console", async () => {
    expect(await page.title()).toBe("ensemble recommend");
    expect(await page.$$eval(".card", cards => cards.map(card => card.getAttribute("data-step")))).toEqual([
      "request",
      "user.queryFeast",
      "retrieval.transformWorkflow",
      "retrieval.predictOnnx",
      "retrieval.queryFaiss",
      "filtering.filterCandidates",
      "items.queryFeast",
      "pairs.unrollFeatures",
      "ranking.predictOnnx",
      "ordering.softmaxSampling",
      "answer",
    ]);
    expect(await page.locator(".column").count()).toBe(17);
    expect(await page.locator(".edge").count()).toBe(13);
    await page.keyboard.press("0");
    const boxes = await page.$$eval(".card", cards =>
      cards.map(card => {
        const { left, right, top, bottom } = card.getBoundingClientRect();
        return { left, right, top, bottom };
      }),
    );
    const frame = (await page.locator("#canvas").boundingBox())!;
    for (const [i, a] of boxes.entries()) {
      expect(a.left >= frame.x && a.right <= frame.x + frame.width, "the whole picture is in view").toBe(true);
      for (const b of boxes.slice(i + 1))
        expect(
          a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top,
          "cards do not overlap",
        ).toBe(true);
    }
    expect(complaints).toEqual([]);
    expect(requests.filter(url => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    expect(requests.filter(url => url.startsWith("file:"))).toHaveLength(1);
    await shot("four-stages-light");
  });
});

test("names that look like markup are only names", async () => {
  const name = `</script><img src=x onerror=alert(1)>"'&`;
  const file = join(folder, "markup.workflow.ts");
  writeFileSync(
    file,
    `import { clip, source, workflow } from "merlon";\nconst events = source({ [${JSON.stringify(name)}]: "float32" } as Record<string, "float32">);\nexport default workflow("markup", events.pipe(clip({ min: 0 })));\n`,
  );
  const explained = await explain(file, { format: "html" });
  const html = join(folder, "markup.html");
  writeFileSync(html, explained.ok ? explained.text : explained.diagnostics.map(d => d.message).join("\n"));
  await open("ensemble-look-ups");
  await page.goto(pathToFileURL(html).href);
  expect(await page.$$eval(".column", found => found.map(e => e.getAttribute("data-column")))).toEqual([
    name,
    name,
    name,
  ]);
  expect(await page.locator("img").count()).toBe(0);
  await page.locator(".column").nth(1).click();
  expect(await panel()).toContain(name);
  expect(complaints).toEqual([]);
});
