/** The loader: the published files are read exactly; every fault is named by file, line and column. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadEvents } from "#shop/load.js";
import { quote, withDuckdb } from "#shop/parquet.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";
const GOOD =
  "2019-10-01 00:04:28 UTC,view,10710804,2053013553279274682,appliances.kitchen.washer,lg,595.71,512327043,113cadef-f2d4-4dfd-a2f1-597210e85b2d";
const changed = (field: number, value: string) => GOOD.split(",").with(field, value).join(",");

let count = 0;
function csv(...lines: string[]): { file: string; out: string } {
  const file = join(folder, `${++count}.csv`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return { file, out: join(folder, `${count}.parquet`) };
}
const rowsOf = (file: string) =>
  withDuckdb(async c => (await c.runAndReadAll(`FROM read_parquet(${quote(file)})`)).getRowObjectsJson());

describe("loadEvents", () => {
  it("keeps ids beyond 2^53, cents, empty fields and times", async () => {
    const { file, out } = csv(HEADER, GOOD, changed(4, ""), changed(5, ""));
    expect(await loadEvents({ files: [file], out })).toEqual({ rows: 3, bad: [] });
    const rows = await rowsOf(out);
    expect(rows[0]).toEqual({
      event_time: "2019-10-01 00:04:28",
      event_type: "view",
      product_id: "10710804",
      category_id: "2053013553279274682",
      category_code: "appliances.kitchen.washer",
      brand: "lg",
      price: "595.71",
      user_id: "512327043",
      user_session: "113cadef-f2d4-4dfd-a2f1-597210e85b2d",
    });
    expect(rows[1]!.category_code).toBeNull();
    expect(rows[2]!.brand).toBeNull();
  });

  it("finds columns by name, whatever their order, and passes over others", async () => {
    const { file, out } = csv(
      `extra,${HEADER.split(",").reverse().join(",")}`,
      `x,${GOOD.split(",").reverse().join(",")}`,
    );
    expect((await loadEvents({ files: [file], out })).rows).toBe(1);
    expect((await rowsOf(out))[0]).toMatchObject({ brand: "lg", price: "595.71" });
  });

  it("names a missing column, the file, and the header seen", async () => {
    const { file, out } = csv(HEADER.replace("price,", "").replace("brand", "Brand"), GOOD);
    const fault = loadEvents({ files: [file], out });
    await expect(fault).rejects.toThrow(`${file}:1: columns \`brand\`, \`price\` missing.`);
    await expect(fault).rejects.toThrow(
      "The header reads `event_time,event_type,product_id,category_id,category_code,Brand,user_id,user_session`.",
    );
    expect(existsSync(out)).toBe(false);
  });

  it("checks every header before it reads any file", async () => {
    const [good, bad] = [csv(HEADER, GOOD), csv("a,b", "1,2")];
    await expect(loadEvents({ files: [good.file, bad.file], out: good.out })).rejects.toThrow(bad.file);
    expect(existsSync(good.out)).toBe(false);
  });

  it("says so when there is no file, or it can't be read", async () => {
    await expect(loadEvents({ files: [], out: join(folder, "x") })).rejects.toThrow("No event file was named");
    await expect(loadEvents({ files: [join(folder, "absent.csv")], out: join(folder, "x") })).rejects.toThrow(
      "absent.csv cannot be read",
    );
  });

  it("leaves bad rows out, each named by line and reason", async () => {
    const { file, out } = csv(
      HEADER,
      GOOD,
      changed(1, "look"),
      changed(2, ""),
      GOOD,
      changed(6, "cheap"),
      changed(0, "yesterday"),
      "2019-10-01 00:04:28 UTC,view,12",
      `${GOOD},more`,
      changed(6, "-1.50"),
      changed(7, "12x"),
      GOOD,
    );
    const { rows, bad } = await loadEvents({ files: [file], out });
    expect(rows).toBe(3);
    expect(bad).toEqual([
      { file, line: 3, reason: "`event_type` is `look`, not one of view, cart, remove_from_cart, purchase" },
      { file, line: 4, reason: "`product_id` is empty, not a number" },
      { file, line: 6, reason: "`price` is `cheap`, not a number" },
      { file, line: 7, reason: "`event_time` is `yesterday`, not a time like `2019-10-01 00:00:00 UTC`" },
      { file, line: 8, reason: "3 fields where the header has 9" },
      { file, line: 9, reason: "10 fields where the header has 9" },
      { file, line: 10, reason: "`price` is `-1.50`, less than nothing" },
      { file, line: 11, reason: "`user_id` is `12x`, not a number" },
    ]);
    expect(await rowsOf(out)).toHaveLength(3);
  });

  it("refuses the load when strict, keeping what was there", async () => {
    const { file, out } = csv(HEADER, GOOD, changed(6, ""));
    writeFileSync(out, "the old one");
    const fault = loadEvents({ files: [file], out, strict: true });
    await expect(fault).rejects.toThrow(`1 bad row:\n  ${file}:3: \`price\` is empty, not a number`);
    await expect(fault).rejects.toThrow("Nothing was written");
    expect(readdirSync(folder).filter(name => name.includes("partial"))).toEqual([]);
    await expect(rowsOf(out)).rejects.toThrow();
  });
});
