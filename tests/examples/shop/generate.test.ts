/** The generator: same seed, same bytes, exactly the published format, and structure that a model can learn. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generate, HEADER, MONTHS } from "#shop/generate.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-shop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const make = (name: string, options: { seed?: number; scale?: number } = {}) => {
  const { files } = generate({ folder: join(folder, name), scale: 0.1, ...options });
  return files.map(file => readFileSync(file, "utf8"));
};
const parse = (texts: readonly string[]) =>
  texts.flatMap(text =>
    text
      .trimEnd()
      .split("\n")
      .slice(1)
      .map(line => line.split(",")),
  );

describe("generate", () => {
  let texts: string[];
  let rows: string[][];
  beforeAll(() => {
    texts = make("a");
    rows = parse(texts);
  });

  it("writes the same bytes for the same seed, and others for another", () => {
    expect(make("b")).toEqual(texts);
    expect(make("c", { seed: 7 })).not.toEqual(texts);
  });

  it("gives a customer the same life at another scale of the same catalogue", () => {
    // 0.04 and 0.03 both end at the smallest assortment of 40 products; more customers must not disturb those that were there.
    const [few, many] = [parse(make("d", { scale: 0.03 })), parse(make("e", { scale: 0.04 }))];
    const first = few[0]![7];
    expect(many.filter(row => row[7] === first)).toEqual(few.filter(row => row[7] === first));
  });

  it("writes seven months under the published header, each in its file and in order of time", () => {
    expect(texts).toHaveLength(MONTHS.length);
    for (const [i, text] of texts.entries()) {
      expect(text.split("\n", 1)[0]).toBe(HEADER);
      expect(HEADER).toBe(
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
      );
      const times = parse([text]).map(row => row[0]!);
      const month = `${["2019-10", "2019-11", "2019-12", "2020-01", "2020-02", "2020-03", "2020-04"][i]}-`;
      expect(times.length).toBeGreaterThan(100);
      expect(times.every(time => time.startsWith(month))).toBe(true);
      expect(times).toEqual([...times].sort());
    }
  });

  it("fills each field as the published files do", () => {
    const fields = [
      /^20(19|20)-\d\d-\d\d \d\d:\d\d:\d\d UTC$/,
      /^(view|cart|remove_from_cart|purchase)$/,
      /^\d{7,8}$/,
      /^2053013\d{12}$/,
      /^([a-z_]+(\.[a-z_]+)+)?$/,
      /^[a-z-]*$/,
      /^\d+\.\d\d$/,
      /^512\d{6}$/,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ];
    for (const row of rows) for (const [i, field] of fields.entries()) expect(row[i]).toMatch(field);
    expect(rows.some(row => row[4] === "")).toBe(true);
    expect(rows.some(row => row[5] === "")).toBe(true);
  });

  it("lets people buy only what is in the cart, and not all of it", () => {
    const carts = new Set<string>();
    let purchases = 0;
    for (const [, type, product, , , , , user, session] of rows) {
      const key = `${user} ${session} ${product}`;
      if (type === "cart") carts.add(key);
      if (type === "purchase") {
        expect(carts.has(key)).toBe(true);
        purchases++;
      }
    }
    expect(purchases / carts.size).toBeGreaterThan(0.3);
    expect(purchases / carts.size).toBeLessThan(0.7);
  });

  it("makes a few products popular", () => {
    const seen = new Map<string, number>();
    for (const [, , product] of rows) seen.set(product!, (seen.get(product!) ?? 0) + 1);
    const counts = [...seen.values()].sort((a, b) => b - a);
    const top = counts.slice(0, Math.ceil(counts.length / 5)).reduce((a, b) => a + b);
    // Were all products alike, a fifth of them would have a fifth of the events.
    expect(top / rows.length).toBeGreaterThan(0.35);
  });
});
