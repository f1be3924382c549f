/** The example's command: what it says, and how it ends. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { builtFile } from "../../needs/built.js";

const tool = builtFile("examples/shop/shop.js");
const folder = mkdtempSync(join(tmpdir(), "merlon-shop-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const shop = (...args: string[]) => spawnSync(process.execPath, [tool, ...args], { cwd: folder, encoding: "utf8" });

it("makes events, loads them, derives tables and fills the store", () => {
  expect(shop("generate", "--out", "events", "--scale", "0.05").stdout).toMatch(
    /^[\d,]+ events of 60 customers and 45 products in 7 files\n$/,
  );
  const files = ["2019-Oct", "2019-Nov", "2019-Dec", "2020-Jan", "2020-Feb", "2020-Mar", "2020-Apr"].map(
    month => `events/${month}.csv`,
  );
  expect(shop("load", ...files, "--out", "events.parquet", "--strict").status).toBe(0);
  expect(shop("features", "events.parquet", "--out", "tables").stdout).toMatch(
    /^\d+ users, \d+ items, \d+ ranking-train/,
  );
  expect(shop("store", "tables", "--out", "features")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(folder, "features/feature_store.yaml"), "utf8")).toContain("project: shop");
});

it("counts bad rows and names them, or refuses them all", () => {
  const header = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";
  writeFileSync(
    join(folder, "bad.csv"),
    `${header}\n2019-10-01 00:00:00 UTC,view,1,2,,,3.00,4,s\nnoon,view,1,2,,,3.00,4,s\n`,
  );
  const lenient = shop("load", "bad.csv", "--out", "lenient.parquet");
  expect(lenient).toMatchObject({ status: 0, stdout: "1 events\n" });
  expect(lenient.stderr).toBe(
    "Left out 1 bad row:\n  bad.csv:3: `event_time` is `noon`, not a time like `2019-10-01 00:00:00 UTC`\n",
  );
  const strict = shop("load", "bad.csv", "--out", "strict.parquet", "--strict");
  expect(strict.status).toBe(1);
  expect(strict.stderr).toContain("bad.csv:3");
  expect(existsSync(join(folder, "strict.parquet"))).toBe(false);
});

it("refuses a scale or a seed that is none", () => {
  expect(shop("generate", "--out", "x", "--scale", "0")).toMatchObject({
    status: 1,
    stderr: "shop: `0` is no number above 0. Give one, such as 1 or 0.1.\n",
  });
  expect(shop("generate", "--out", "x", "--seed", "best")).toMatchObject({
    status: 1,
    stderr: "shop: `best` is not an integer. Give one, such as 2019.\n",
  });
  expect(existsSync(join(folder, "x"))).toBe(false);
});
