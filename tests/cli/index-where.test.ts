// `merlon index search --where` prints selectivity, way and recall.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MERLON } from "../needs/built.js";

const ARTEFACTS = join(import.meta.dirname, "..", "samples", "artefacts");

const search = (...args: string[]) =>
  spawnSync(
    process.execPath,
    [MERLON, "index", "search", "index/items.faiss", "--query", "1,0,0.5,0", "--topk", "5", ...args],
    { cwd: ARTEFACTS, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );

test("a condition of items and a user", () => {
  const condition = "item.stock > 0 && item.country === user.country && [0, 1, 5].includes(item.stock)";
  const { stdout, stderr } = search(
    "--attributes",
    "tables/items.parquet",
    "--where",
    condition,
    "--user",
    '{"country":"de"}',
  );
  expect(stderr).toBe("");
  // Items 9, 21 and 33 are of `de` and have a stock of one.
  expect(stdout.replace(/[\d.]+ ms/g, "T ms")).toBe(`condition    ${condition}
items        3 of 40 (7.50 %)
search       exact, over the items that fulfill the condition
recall@5     1.000
time         T ms (median), T ms (p99)
`);
});

test.each([
  [["--where", "item.stok > 0"], /--where `item\.stok > 0`: The function needs column `stok`.*Did you mean `stock`\?/],
  [
    ["--where", "item.stock > 0)"],
    /--where `item\.stock > 0\)`: it is not one expression, such as `item\.stock > 0`\./,
  ],
  [["--where", "item.country === user.land"], /needs column `land`/],
  [
    ["--where", "item.stock > 0", "--key", "sku"],
    /tables\/items\.parquet has no column `sku` of ids; it has item_id, stock/,
  ],
  [["--where", "item.stock > 0", "--user", "de"], /--user is `de`; give the user's values as JSON/],
])("%o", (args, message) => {
  const { status, stderr } = search("--attributes", "tables/items.parquet", ...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
});
