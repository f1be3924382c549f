// The HTML page of `merlon explain`, in a real Chromium (`npm test` installs Debian's package where it is missing). The screenshots it takes are
// in .cache/explain, to be looked at.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { explain } from "#compiler/index.js";
import { faultsOfAxe } from "../../cli/ui/axe.js";
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
const column = (step: string, name: string) => page.locator(`.column[data-step="${step}"][data-column="${name}"]`);
const lit = (direction: "up" | "down") =>
  page.$$eval(
    `.column.${direction}`,
    (found, _) => found.map(e => `${e.getAttribute("data-step")} ${e.getAttribute("data-column")}`),
    null,
  );
const panel = () => page.locator("#panel").textContent();
const paper = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
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

  test("text stays inside its card", async () => {
    const outside = await page.$$eval(".card", cards =>
      cards.flatMap(card => {
        const frame = card.querySelector(".frame")!.getBoundingClientRect();
        return [...card.querySelectorAll("text")]
          .filter(
            text =>
              text.getBoundingClientRect().right > frame.right + 1 || text.getBoundingClientRect().left < frame.left,
          )
          .map(text => text.textContent);
      }),
    );
    expect(outside).toEqual([]);
  });

  test("hovering a column highlights its sources and readers, and leaving removes the highlight", async () => {
    await column("user.queryFeast", "purchased_ids").hover();
    expect(await lit("up")).toEqual(["request user_id", "user.queryFeast purchased_ids"]);
    expect(await lit("down")).toEqual([
      "user.queryFeast purchased_ids",
      "filtering.filterCandidates filtered_ids",
      "items.queryFeast item_id",
      "pairs.unrollFeatures item_id",
      "ranking.predictOnnx purchase/binary_output",
      "ordering.softmaxSampling ordered_ids",
      "ordering.softmaxSampling ordered_scores",
      "answer ordered_ids",
      "answer ordered_scores",
    ]);
    expect(await page.$$eval(".edge.up", found => found.map(e => e.getAttribute("data-to")))).toEqual([
      "user.queryFeast",
    ]);
    await page.mouse.move(20, 860);
    expect(await lit("down")).toEqual([]);
    await column("retrieval.transformWorkflow", "city").hover();
    // Through the fitted workflow: its city is from the store's city, not from the age.
    expect(await lit("up")).toEqual(["request user_id", "user.queryFeast city", "retrieval.transformWorkflow city"]);
    await shot("four-stages-lineage");
  });

  test("a click keeps it and shows all that is known; links of the panel lead on; Escape lets go", async () => {
    await column("user.queryFeast", "purchased_ids").click();
    await page.mouse.move(20, 860);
    expect((await lit("down")).length).toBe(9);
    expect(await panel()).toContain("list<int64>, [request × *]");
    await page.locator("#panel button", { hasText: "filtering.filterCandidates" }).click();
    expect(await panel()).toContain("drop candidates that are in purchased_ids");
    expect(await panel()).toContain("(filterOut)");
    await page.keyboard.press("Escape");
    expect(await lit("down")).toEqual([]);
    expect(await panel()).toContain("Changes by passes");
  });

  test("search marks steps and columns; Enter selects the next", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("ITEM_ID");
    expect(await page.locator("#found").textContent()).toBe("3 found");
    expect(await page.locator(".column.hit").count()).toBe(2);
    // The step whose description names it.
    expect(await page.locator(".card.hit").count()).toBe(1);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    expect(await page.locator("#found").textContent()).toBe("2 of 3");
    expect(await panel()).toContain("pairs.unrollFeatures");
    const card = (await page.locator('.card[data-step="pairs.unrollFeatures"]').boundingBox())!;
    expect(card.x > 0 && card.x + card.width < 1100, "what was found is in view").toBe(true);
    await page.keyboard.press("Escape");
    expect(await page.locator(".hit").count()).toBe(0);
    await page.keyboard.press("/");
    await page.keyboard.type("nothing like it");
    expect(await page.locator("#found").textContent()).toBe("0 found");
  });

  test("the keyboard reaches every step and column", async () => {
    await page.locator('.card[data-step="request"]').focus();
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.dataset.step")).toBe("user.queryFeast");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await panel()).toMatch(/^city/);
    await page.keyboard.press("Enter");
    expect(await panel()).toMatch(/^user.queryFeast/);
    await page.keyboard.press("ArrowUp");
    expect(await page.evaluate("document.activeElement.dataset.step")).toBe("request");
  });

  test("dragging and zooming move the picture; a drag is not a click", async () => {
    const view = () => page.locator("#graph").getAttribute("viewBox");
    const before = await view();
    await page.mouse.move(500, 700);
    await page.mouse.down();
    await page.mouse.move(400, 650, { steps: 4 });
    await page.mouse.up();
    const dragged = await view();
    expect(dragged).not.toBe(before);
    await page.mouse.wheel(0, -200);
    expect(await view()).not.toBe(dragged);
    expect(await panel()).toContain("Changes by passes");
  });

  test("the keyboard alone moves, zooms and shows all; the mini-map is there as long as something is out of view", async () => {
    const view = async () => (await page.locator("#graph").getAttribute("viewBox"))!.split(" ").map(Number);
    const map = page.locator("#map");
    await page.keyboard.press("0");
    expect(await map.isVisible()).toBe(false);
    await page.locator("#canvas").focus();
    const [x, y, width] = await view();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    expect((await view())[2]!).toBeCloseTo(width! / 1.25 ** 2, 5);
    await map.waitFor();
    const [zoomedX, zoomedY] = await view();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect((await view())[0]).toBeGreaterThan(zoomedX!);
    expect((await view())[1]).toBeGreaterThan(zoomedY!);
    // A press on the map shows that place.
    const { x: left, y: top } = (await map.boundingBox())!;
    await page.mouse.click(left + 3, top + 3);
    expect((await view())[0]).toBeLessThan(0);
    await page.keyboard.press("0");
    expect((await view()).slice(0, 3)).toEqual([x, y, width]);
    expect(await map.isVisible()).toBe(false);
  });

  test("columns appear and disappear with a key, and the selection stays", async () => {
    await page.locator('.card[data-step="user.queryFeast"] .title').click();
    await page.keyboard.press("c");
    expect(await page.locator("#detail").getAttribute("aria-pressed")).toBe("false");
    expect(await page.locator(".column").count()).toBe(0);
    expect(await page.locator(".card.down").count()).toBeGreaterThan(5);
    expect(await panel()).toMatch(/^user.queryFeast/);
    await page.locator("#detail").click();
    expect(await page.locator(".column.down").count()).toBeGreaterThan(5);
  });

  test("light and dark follow the system until the reader chooses", async () => {
    const light = await paper();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await paper();
    expect(dark).not.toBe(light);
    await shot("four-stages-dark");
    expect(await faultsOfAxe(page)).toEqual([]);
    await page.keyboard.press("c");
    expect(await faultsOfAxe(page)).toEqual([]);
    await page.keyboard.press("t");
    expect(await paper()).toBe(light);
    await page.locator("#theme").click();
    expect(await paper()).toBe(dark);
  });
});

test("thirty steps are readable at first sight on 1280 × 720: all in view, no text cut, none small", async () => {
  const steps = Array.from({ length: 30 }, (_, i) => {
    const from = i === 0 ? "events" : `step${i % 7 === 6 ? i - 4 : i - 1}`;
    return `const step${i} = ${from}.pipe(clip({ min: ${i}, max: 100 }));`;
  });
  const tails = Array.from({ length: 30 }, (_, i) => `step${i}`).filter((_, i) => i % 7 === 5 || i === 29);
  const columns = tails.map((name, i) => `${name}.pipe(rename(() => "out_${i}"))`);
  const file = join(folder, "thirty.workflow.ts");
  writeFileSync(
    file,
    `import { clip, rename, source, workflow } from "merlon";\nconst events = source({ price: "float32" });\n${steps.join("\n")}\nexport default workflow("thirty", ${columns[0]}${columns
      .slice(1)
      .map(column => `.plus(${column})`)
      .join("")});\n`,
  );
  const explained = await explain(file, { format: "html", off: new Set(["fuseElementwise", "pruneColumns"]) });
  const html = join(folder, "thirty.html");
  writeFileSync(html, explained.ok ? explained.text : explained.diagnostics.map(d => d.message).join("\n"));
  await open("ensemble-look-ups");
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.goto(pathToFileURL(html).href);
  await shot("thirty-steps");
  const seen = await page.$$eval(".card", cards => {
    const frame = document.querySelector("#canvas")!.getBoundingClientRect();
    const within = (inner: DOMRect, outer: DOMRect): boolean =>
      inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom;
    return cards.map(card => {
      const own = card.querySelector(".frame")!.getBoundingClientRect();
      const texts = [...card.querySelectorAll("text")].filter(text => text.textContent !== "");
      return {
        inView: within(own, frame),
        textInCard: texts.every(text => within(text.getBoundingClientRect(), own)),
        cut: texts.some(text => text.textContent!.includes("…")),
        height: card.querySelector(".title")!.getBoundingClientRect().height,
      };
    });
  });
  expect(seen.length).toBeGreaterThanOrEqual(32);
  expect(seen.filter(({ inView, textInCard, cut }) => !inView || !textInCard || cut)).toEqual([]);
  expect(Math.min(...seen.map(({ height }) => height))).toBeGreaterThanOrEqual(10);
  expect(await page.locator("#map").isVisible()).toBe(false);
  expect(complaints).toEqual([]);
});

test("what the passes did and saved is beside the picture", async () => {
  await open("ensemble-look-ups");
  expect(await panel()).toContain("history.queryFeast looks the same keys up in the same view as");
  await page.locator('.card[data-step="again.queryFeast"] .title').click();
  expect(await panel()).toContain("mergeLookups: history.queryFeast looks the same keys up");
  expect(complaints).toEqual([]);
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
