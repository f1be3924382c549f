import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, expect, test } from "vitest";
import { buildBloomFilters } from "#runtime/etl/bloom-filters.js";
import { candidates, column, grouped, run, scalars } from "../../operators/step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-bloom-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const options = { user: "user_id", item: "item_id", errorRate: 0.001, name: "seen_items" };

test("rows of users and items → a filter per user, which drops what the user has seen", async () => {
  const events = join(folder, "events.csv");
  writeFileSync(
    events,
    "user_id,item_id,t\n2,5,2026-01-02\n1,5,2026-01-01\n1,7,2026-01-03\n1,5,2026-01-02\n3,,2026-01-02\n,4,2026-01-02\n",
  );
  const out = join(folder, "seen.parquet");
  expect(await buildBloomFilters([events], out, { ...options, timestamp: "t" })).toEqual({ users: 2, bytes: 32 });
  const connection = await (await DuckDBInstance.create()).connect();
  const reader = await connection.runAndReadAll(`SELECT user_id::INT, base64(seen_items), t::TEXT FROM '${out}'`);
  const rows = reader.getRows() as [number, string, string][];
  connection.closeSync();
  expect(rows.map(([user, , latest]) => [user, latest.slice(0, 10)])).toEqual([
    [1, "2026-01-03"],
    [2, "2026-01-02"],
  ]);
  const ids = candidates("int64", [
    [4, 5, 6, 7],
    [4, 5, 6, 7],
  ]);
  const seen = scalars(
    "string",
    rows.map(([, text]) => text),
    ids.rows.parent!,
  );
  const init = { params: {}, inputs: { input: ["ids"], seen: ["seen"] }, outputs: [column("filtered_ids", "int64")] };
  const [left] = await run("filterCandidates", init, { input: [ids], seen: [seen] });
  expect(grouped(left!)).toEqual([
    [4n, 6n],
    [4n, 6n, 7n],
  ]);
});

test("what can't be hashed, and a rate that is none, are refused", async () => {
  const file = join(folder, "odd.csv");
  writeFileSync(file, "user_id,item_id\n1,5.5\n");
  const out = join(folder, "none.parquet");
  await expect(buildBloomFilters([file], out, options)).rejects.toThrow(
    "column `item_id` is DOUBLE; ids are integers or texts",
  );
  await expect(buildBloomFilters([file], out, { ...options, errorRate: 1 })).rejects.toThrow("must be between 0 and 1");
  await expect(buildBloomFilters([file], out, { ...options, item: "item" })).rejects.toThrow("no column `item`");
});
