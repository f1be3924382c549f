/** Pairs and sessions: what the tutorial's retrieval and session models learn from. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFeatures } from "#shop/features.js";
import { HEADER } from "#shop/generate.js";
import { makeInteractions } from "#shop/interactions.js";
import { loadEvents } from "#shop/load.js";
import { quote, withDuckdb } from "#shop/parquet.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-interactions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const event = (time: string, type: string, product: number, user: number, session: string) =>
  `${time} UTC,${type},${product},1,toys.robot,acme,9.50,${user},${session}`;
const EVENTS = [
  event("2020-03-30 10:00:00", "view", 11, 1, "a"),
  event("2020-03-30 10:01:00", "view", 11, 1, "a"),
  event("2020-03-30 10:02:00", "view", 12, 1, "a"),
  event("2020-03-30 10:03:00", "cart", 12, 1, "a"),
  event("2020-03-30 10:04:00", "purchase", 12, 1, "a"),
  event("2020-03-30 10:05:00", "view", 11, 1, "a"),
  event("2020-03-31 10:00:00", "view", 13, 2, "b"),
  event("2020-04-02 10:00:00", "view", 12, 2, "c"),
  event("2020-04-02 10:01:00", "view", 13, 2, "c"),
  event("2020-04-02 10:02:00", "cart", 13, 2, "c"),
  event("2020-04-03 10:00:00", "cart", 11, 3, "d"),
];

async function rows(table: string, columns: string): Promise<unknown[][]> {
  return withDuckdb(async connection => {
    const file = quote(join(folder, `${table}.parquet`));
    return (await connection.runAndReadAll(`SELECT ${columns} FROM read_parquet(${file})`)).getRowsJson();
  });
}

beforeAll(async () => {
  writeFileSync(join(folder, "events.csv"), [HEADER, ...EVENTS, ""].join("\n"));
  const events = join(folder, "events.parquet");
  await loadEvents({ files: [join(folder, "events.csv")], out: events });
  await makeFeatures(events, folder);
  await makeInteractions(events, folder);
});

describe("makeInteractions", () => {
  it("repeats a pair as often as the interest is worth: round(sqrt(views + 3 (carts + purchases)))", async () => {
    // 11 has three views, 12 a view, a cart and a purchase, 13 a view.
    expect(await rows("pairs-train", "user_id::INT, item_id::INT")).toEqual([
      [1, 11],
      [1, 11],
      [1, 12],
      [1, 12],
      [1, 12],
      [2, 13],
    ]);
  });
  it("tests the later cart products of known customers", async () => {
    expect(await rows("pairs-valid", "user_id::INT, item_id::INT, item_brand")).toEqual([[2, 13, "acme"]]);
  });
  it("has a row for each product with its raw id", async () => {
    expect(await rows("pairs-items", "item_id::INT, item_key::INT")).toEqual([
      [11, 11],
      [12, 12],
      [13, 13],
    ]);
  });
  it("puts beside a product what the customer met before it for the first time", async () => {
    const both = "history::VARCHAR, item_id::INT";
    expect(await rows("history-train", both)).toEqual([["[11]", 12]]);
    expect(await rows("history-valid", both)).toEqual([["[13]", 12]]);
  });
  it("lists a session's products in order, repeats at once counted once, single ones left out, split by month", async () => {
    const both = "item_id::VARCHAR, category::VARCHAR";
    expect(await rows("sessions-train", both)).toEqual([["[11, 12, 11]", "[toys.robot, toys.robot, toys.robot]"]]);
    expect(await rows("sessions-valid", both)).toEqual([["[12, 13]", "[toys.robot, toys.robot]"]]);
    expect((await rows("sessions-items", both))[0]).toEqual(["[11]", "[toys.robot]"]);
  });
});
