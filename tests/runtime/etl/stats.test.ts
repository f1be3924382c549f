/** `merlon stats`: figures against plain arithmetic, drift against its formulas, and the page in Chromium. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { dataStats } from "#runtime/etl/stats.js";
import { merlon } from "../../cli/merlon-command.js";
import { launchChromium } from "../../needs/chromium.js";
import { inFolder } from "./run-workflow.js";
import { writeParquet } from "./table-values.js";
import { schemaOf } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

const TYPES = { price: "float64", brand: "string", tags: "list<int64>", none: "string" };
const rows = (n: number, brand: (i: number) => string, price: (i: number) => number | null) => ({
  price: Array.from({ length: n }, (_, i) => price(i)),
  brand: Array.from({ length: n }, (_, i) => brand(i)),
  tags: Array.from({ length: n }, (_, i) => (i % 2 ? [i % 3, 1] : [])),
  none: Array.from({ length: n }, () => null),
});

const inSets = (work: (folder: string) => Promise<void>) =>
  inFolder(async folder => {
    const schema = schemaOf(TYPES);
    await writeParquet(
      join(folder, "a.parquet"),
      schema,
      rows(
        100,
        i => (i % 4 ? "x" : "<b>"),
        i => (i % 10 ? i : null),
      ),
    );
    await writeParquet(
      join(folder, "b.parquet"),
      schema,
      rows(
        100,
        i => (i % 4 ? "<b>" : "y"),
        i => (i % 10 ? i + 50 : null),
      ),
    );
    await work(folder);
  });

describe("statistics", () => {
  test("are those of the values", async () => {
    await inSets(async folder => {
      const { rows: count, columns } = await dataStats(join(folder, "a.parquet"));
      expect(count).toBe(100);
      const [price, brand, tags, none] = columns;
      const present = Array.from({ length: 100 }, (_, i) => i).filter(i => i % 10);
      const mean = present.reduce((a, b) => a + b) / 90;
      expect(price).toMatchObject({ nulls: 10, cardinality: 90, mean, type: "DOUBLE" });
      expect(price!.std).toBeCloseTo(Math.sqrt(present.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 89), 9);
      expect([price!.quantiles![0], price!.quantiles![3], price!.quantiles![6]]).toEqual([1, 50, 99]);
      expect(price!.histogram!.reduce((a, b) => a + b)).toBe(90);
      expect(brand!.top).toEqual([
        { value: "x", count: 75 },
        { value: "<b>", count: 25 },
      ]);
      expect(tags).toMatchObject({ type: "BIGINT[]", cardinality: 3, lengths: { min: 0, mean: 1, max: 2, nulls: 0 } });
      expect(none).toMatchObject({ nulls: 100, cardinality: 0, top: [] });
    });
  });
});

describe("the command", () => {
  test("prints a table, and draws a self-contained page", async () => {
    await inSets(async folder => {
      const { status, out } = await merlon(
        folder,
        "stats",
        "a.parquet",
        "--against",
        "b.parquet",
        "--html",
        "page.html",
      );
      expect(status).toBe(0);
      expect(out).toMatch(/^a\.parquet: 100 rows → b\.parquet: 100 rows\n/);
      expect(out).toMatch(/price +DOUBLE +another population .* 10 % +50 → 100 .* 50 → 100\n/);
      const html = readFileSync(join(folder, "page.html"), "utf8");
      expect(html).not.toMatch(/src=|href=|@import|url\(/);
      expect(html).not.toContain("<b>");
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        const errors: string[] = [];
        page.on("pageerror", error => errors.push(error.message));
        await page.goto(pathToFileURL(join(folder, "page.html")).href);
        expect(await page.locator("article").count()).toBe(4);
        expect(await page.locator("#price svg rect.a").count()).toBe(20);
        expect(await page.locator("#price .drift-another").textContent()).toContain("drift: another population");
        expect(await page.locator("#brand td").first().textContent()).toBe("x");
        const box = (await page.locator("#price svg").boundingBox())!;
        expect(Math.min(box.width, box.height)).toBeGreaterThan(50);
        expect((await page.screenshot()).length).toBeGreaterThan(10_000);
        expect(errors).toEqual([]);
      } finally {
        await browser.close();
      }
    });
  });
});
