/** The feature tables, on events small enough to be counted by hand. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFeatures } from "#shop/features.js";
import { loadEvents } from "#shop/load.js";
import { quote, withDuckdb } from "#shop/parquet.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-features-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const table = (name: string) =>
  withDuckdb(async c =>
    (await c.runAndReadAll(`FROM read_parquet(${quote(join(folder, `${name}.parquet`))})`)).getRowObjectsJson(),
  );

const EVENTS = `event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 10:00:00 UTC,view,1,100,tv,lg,10.00,7,a
2019-10-01 10:01:00 UTC,cart,1,100,tv,lg,10.00,7,a
2019-10-01 10:02:00 UTC,purchase,1,100,tv,lg,10.00,7,a
2019-10-01 10:03:00 UTC,cart,2,100,tv,sony,30.00,7,a
2019-10-01 10:04:00 UTC,remove_from_cart,2,100,tv,sony,30.00,7,a
2019-11-01 10:00:00 UTC,cart,2,100,tv,sony,32.00,7,b
2019-11-01 10:01:00 UTC,purchase,2,100,tv,sony,32.00,7,b
2019-12-01 10:00:00 UTC,view,3,200,,,5.00,8,c
2020-03-31 23:59:59 UTC,view,1,100,tv,lg,11.00,8,d
2020-04-01 00:00:00 UTC,cart,1,100,tv,lg,11.00,8,e
2020-04-02 00:00:00 UTC,purchase,2,100,tv,sony,32.00,9,f
2020-04-02 00:00:00 UTC,cart,4,100,tv,sony,9.00,9,f
`;

beforeAll(async () => {
  writeFileSync(join(folder, "events.csv"), EVENTS);
  await loadEvents({ files: [join(folder, "events.csv")], out: join(folder, "events.parquet"), strict: true });
  await makeFeatures(join(folder, "events.parquet"), folder);
});

describe("makeFeatures", () => {
  it("describes customers by the training months, ties by the alphabet", async () => {
    expect(await table("users")).toEqual(
      [
        // lg 3, sony 4
        {
          user_id: "7",
          user_key: "7",
          favourite_brand: "sony",
          favourite_category: "tv",
          mean_price: 22.8,
          event_count: "7",
          purchased_ids: ["1", "2"],
        },
        {
          user_id: "8",
          user_key: "8",
          favourite_brand: "lg",
          favourite_category: "tv",
          mean_price: null,
          event_count: "2",
          purchased_ids: [],
        },
      ].map(row => ({ ...row, mean_price: row.mean_price === null ? null : Math.fround(row.mean_price) })),
    );
  });

  it("describes products by their last price and their events", async () => {
    expect(await table("items")).toEqual([
      { item_id: "1", item_key: "1", item_brand: "lg", item_category: "tv", item_price: 11, item_popularity: "4" },
      { item_id: "2", item_key: "2", item_brand: "sony", item_category: "tv", item_price: 32, item_popularity: "4" },
      { item_id: "3", item_key: "3", item_brand: null, item_category: null, item_price: 5, item_popularity: "1" },
    ]);
  });

  it("calls a cart negative only where the same session does not buy", async () => {
    const rows = await table("ranking-train");
    expect(rows.map(r => [r.user_id, r.item_id, r.purchase])).toEqual([
      ["7", "1", 1],
      ["7", "2", 0],
      ["7", "2", 1],
    ]);
    expect(rows[1]).toMatchObject({
      favourite_brand: "sony",
      item_brand: "sony",
      item_price: 32,
      item_popularity: "4",
      event_count: "7",
    });
  });

  it("keeps April apart: strangers have no features, new products are left out", async () => {
    expect(
      (await table("ranking-valid")).map(r => [r.user_id, r.item_id, r.purchase, r.favourite_brand, r.event_count]),
    ).toEqual([
      ["8", "1", 0, "lg", "2"],
      ["9", "2", 1, null, "0"],
    ]);
  });

  it("counts pairs for retrieval", async () => {
    expect(await table("retrieval-train")).toContainEqual({
      user_key: "7",
      item_key: "2",
      views: "0",
      carts: "2",
      purchases: "1",
    });
    expect(await table("retrieval-valid")).toEqual([
      { user_key: "8", item_key: "1", views: "0", carts: "1", purchases: "0" },
      { user_key: "9", item_key: "2", views: "0", carts: "0", purchases: "1" },
    ]);
  });
});
