// The data in memory equals the statements' results: event times in every form of SQLite, and more features than one statement packs.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { scalars } from "../../../operators/step.js";

const FEATURES = Array.from({ length: 150 }, (_, i) => ({ name: `f${i}`, type: "INT64" }) as const);
const TIMES = [
  1700000000,
  1700000000.25,
  1700000000.123456,
  -0.5,
  "2024-01-01 00:00:00",
  "2024-01-01 00:00:00.5",
  "2024-01-01 02:00:00+02:00",
  "2024-01-01T00:00:00.000001Z",
  "no time, 1:2, x",
  "",
  null,
  Buffer.from("2024-01-01"),
  2 ** 60,
] as const;
const KEYS = TIMES.map((_, i) => BigInt(i));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-snapshot-"));
  const rows = Object.fromEntries(FEATURES.map(({ name }, f) => [name, KEYS.map((_, i) => 1000 * f + i)]));
  const source = { name: "s", path: "s.parquet", timestampField: "event" };
  writeFeastRepository(folder, {
    project: "p",
    timestamp: 1_700_000_000,
    entities: [{ name: "item", joinKey: "item_id", type: "INT64" }],
    views: [{ name: "v", entities: ["item"], source, features: FEATURES, rows: { item_id: KEYS, ...rows } }],
  });
  const db = new Database(join(folder, "data/online_store.db"));
  const keys = db.prepare("SELECT DISTINCT entity_key FROM p_v ORDER BY entity_key").pluck().all();
  const set = db.prepare("UPDATE p_v SET event_ts = ? WHERE entity_key = ?");
  for (const [i, time] of TIMES.entries()) set.run(time, keys[i]);
  // Two of one entity's own, and cells that are missing, null, empty, or of a feature that the registry has not.
  db.exec("UPDATE p_v SET event_ts = 5 WHERE feature_name IN ('f3', 'f140') AND rowid % 3 = 0");
  db.exec("DELETE FROM p_v WHERE feature_name = 'f70' AND rowid / 150 % 2 = 0");
  db.exec("UPDATE p_v SET value = NULL WHERE feature_name = 'f71' AND rowid / 150 % 2 = 0");
  db.exec("UPDATE p_v SET value = x'' WHERE feature_name = 'f72' AND rowid / 150 % 2 = 0");
  db.exec("UPDATE p_v SET feature_name = 'other' WHERE feature_name = 'f73'");
  db.prepare("DELETE FROM p_v WHERE entity_key = ? AND feature_name != 'f149'").run(keys[4]);
  db.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["all features, with times", 150, true],
  ["all features, without", 150, false],
  ["some, with times", 100, true],
  ["as many as two statements pack", 128, true],
  ["as many as one statement packs", 64, true],
  ["a few, with times", 3, true],
])("%s", async (_, count, eventTimes) => {
  const repository = readFeastRepository(folder);
  const view = findView(repository.registry, "v")!;
  const features = view.features.slice(view.features.length - count);
  const answers = [];
  for (const memoryMb of [0, 256]) {
    const store = await openStore(repository, { memoryMb });
    const reader = await store.prepare([{ view, features }], { bytes: "utf8", eventTimes });
    const keys = new Map([["item_id", scalars("int64", [...KEYS, 99n])]]);
    const columns = await reader.getOnline(keys, KEYS.length + 1);
    // A value without one of its own is of no meaning.
    answers.push(
      columns.map(({ values, status, eventSeconds }) => ({
        values: Array.from(values as BigInt64Array, (value, i) => (status[i] === 1 ? value : null)),
        status: [...status],
        times: eventSeconds && [...eventSeconds],
      })),
    );
    await store.close();
  }
  expect(answers[1]).toEqual(answers[0]);
  if (count === 150) {
    const odd = (even: number) => [...KEYS.map((_, i) => (i === 4 ? 0 : i % 2 === 0 ? even : 1)), 0];
    expect(answers[1]!.slice(70, 73).map(({ status }) => status)).toEqual([odd(0), odd(2), odd(2)]);
    expect(answers[1]![73]!.status).toEqual([...KEYS.map(() => 0), 0]);
    expect(answers[1]![100]!.values.slice(0, 5)).toEqual([100000n, 100001n, 100002n, 100003n, null]);
  }
  const [last] = answers[1]!.slice(-1);
  const seconds = [
    1700000000, 1700000000.25, 1700000000.123456, -0.5, 1704067200, 1704067200.5, 1704067200, 1704067200,
  ];
  expect(last!.times).toEqual(eventTimes ? [...seconds, NaN, NaN, NaN, NaN, 2 ** 60, NaN] : undefined);
});
