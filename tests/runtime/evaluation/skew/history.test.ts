/** A logged feature and its history: times of Feast, which a log has in seconds, and null lists, which old logs have as empty ones. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { openDatabase } from "#runtime/etl/database.js";
import { isSame } from "#runtime/evaluation/skew/differences.js";
import { compareHistory, type HistoryColumn } from "#runtime/evaluation/skew/history.js";
import { sql } from "../../etl/feedback/log.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-history-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = column("user_id", "int64");

/** @param values of users 0, 1, … in the history and in the log, as SQL */
async function compared(history: readonly string[], logged: readonly string[], isTime: boolean, list = false) {
  const file = join(folder, "history.parquet");
  const rows = (values: readonly string[], more: string) =>
    values.map((value, i) => `SELECT ${i}::BIGINT AS user_id, ${value} AS v, ${more}`).join(" UNION ALL ");
  await sql(`COPY (${rows(history, "TIMESTAMP '2026-01-01' AS event_timestamp")}) TO '${file}'`, "SELECT 1");
  const schema = column("v", "int64", { ...(list && { list: {} }) } as never);
  const of = {
    checked: { name: "v", schema, step: { label: "user.queryFeast", op: "queryFeast" }, output: "v", isPartial: false },
    ...{ view: "users", feature: "v", isTime, timestamp: "event_timestamp", created: undefined },
    ...{ keys: [{ name: "user_id", column: KEY }], ttl: null, fallback: undefined },
  } as unknown as HistoryColumn;
  const database = await openDatabase();
  try {
    await database.run(
      `CREATE TEMP TABLE logged AS SELECT user_id AS place, 'q' AS request, 0 AS row, '1' AS item, user_id AS f0, v AS f1,
         epoch_us(TIMESTAMP '2026-02-01') AS micros FROM (${rows(logged, "1")})`,
      "testing",
    );
    const options = { history: new Map([["users", [file]]]), tolerance: 0 };
    return await compareHistory(database, of, { ...options, at: ({ name }) => (name === "v" ? 1 : 0) });
  } finally {
    await database.close();
  }
}

test.each<[string, readonly string[], readonly string[], number]>([
  ["timestamps", ["TIMESTAMP '2026-01-01 00:00:01.5'", "NULL"], ["1767225601", "NULL"], 0],
  ["instants", ["TIMESTAMPTZ '2026-01-01 01:00:00+01'"], ["1767225600"], 0],
  ["dates", ["DATE '2026-01-01'", "DATE '1969-12-31'"], ["1767225600", "-86400"], 0],
  ["integers", ["1767225600"], ["1767225600"], 0],
  ["another time", ["TIMESTAMP '2026-01-01 00:00:02'"], ["1767225601"], 1],
])("times: %s", async (_, history, logged, drifted) => {
  const typed = logged.map(value => `${value}::BIGINT`);
  expect(await compared(history, typed, true)).toMatchObject({ compared: logged.length, drifted });
});

test("a time is not a number elsewhere", async () => {
  expect(await compared(["TIMESTAMP '2026-01-01'"], ["1::BIGINT"], false)).toMatchObject({
    reason: "`v` of the history has 1 values that are not int64",
  });
});

test("null lists, empty ones, and lists of times", async () => {
  const lists = ["NULL::BIGINT[]", "[]::BIGINT[]", "NULL::BIGINT[]", "[1, 2]::BIGINT[]"];
  const logged = ["[]::BIGINT[]", "NULL::BIGINT[]", "NULL::BIGINT[]", "[1, 3]::BIGINT[]"];
  expect(await compared(lists, logged, false, true)).toMatchObject({
    ...{ compared: 4, drifted: 1 },
    first: { logged: [1, 3], expected: [1, 2] },
  });
  const times = ["[TIMESTAMP '2026-01-01', NULL]"];
  expect(await compared(times, ["[1767225600, NULL]::BIGINT[]"], true, true)).toMatchObject({ drifted: 0 });
  for (const [a, b, same] of [
    [null, [], true],
    [[], null, true],
    [null, [1], false],
    [null, 0, false],
    [null, null, true],
  ] as const)
    expect(isSame(a, b, false, 0)).toBe(same);
});
