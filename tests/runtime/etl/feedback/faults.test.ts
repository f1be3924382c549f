/** Bad logs, events and options of the feedback join: a message with file, column, row and a fix; the old output stays. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import type { JoinOptions } from "#runtime/etl/feedback/options.js";
import { type Exposure, logSql, parquet, sql, writeLog } from "./log.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "joined.parquet");

const GOOD: Exposure = { request_id: "a", request_row: 0, time: 0, item: 1, position: 1, user_id: 7 };
const HEAD = "request_id,item,time";
const CLICK = "a,1,2026-01-01T00:00:01Z";

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function refused(
  log: string,
  events: string,
  message: string | RegExp,
  some: Partial<JoinOptions> = {},
): Promise<void> {
  writeFileSync(out, "before");
  await expect(joinFeedback([log], [events], out, { window: 60, attribution: "last", ...some })).rejects.toThrow(
    message,
  );
  expect(readFileSync(out, "utf8")).toBe("before");
  expect(readdirSync(folder).filter(name => name.startsWith(".merlon"))).toEqual([]);
}

const clicks = (): string => file("clicks.csv", `${HEAD}\n${CLICK}\n`);

describe("logs", () => {
  test.each<[string, { readonly [K in keyof Exposure]?: unknown }, string | RegExp]>([
    [
      "propensity 0",
      { propensity: 0 },
      'log.parquet`: column `propensity` has "0.0" in row 1, expected a probability: above 0, at most 1.',
    ],
    ["propensity above 1", { propensity: 1.5 }, 'column `propensity` has "1.5" in row 1'],
    ["propensity NaN", { propensity: "NaN" }, 'column `propensity` has "nan" in row 1'],
    ["a negative list propensity", { list_propensity: -0.1 }, 'column `list_propensity` has "-0.1" in row 1'],
    ["a log rate of 0", { log_rate: 0 }, 'column `log_rate` has "0.0" in row 1'],
    ["a log rate of null", { log_rate: null }, "column `log_rate` has null in row 1, expected a value"],
    ["position 0", { position: 0 }, 'column `position` has "0" in row 1, expected a place from 1, or null'],
    ["no request id", { request_id: null }, "column `request_id` has null in row 1"],
  ])("%s", async (_, wrong, message) => {
    const log = await writeLog(folder, [GOOD, { ...GOOD, item: 2, ...wrong } as Exposure]);
    await refused(log, clicks(), message);
  });
  test.each([
    ["a folder", "input", "input/joined.parquet"],
    ["a glob", "input/*.parquet", "input/joined.parquet"],
    ["a glob of folders", "input/**", "input/joined"],
  ])("an output inside the input, %s", async (_, input, to) => {
    mkdirSync(join(folder, "input"), { recursive: true });
    await writeLog(join(folder, "input"), [GOOD]);
    await expect(
      joinFeedback([join(folder, input)], [clicks()], join(folder, to), { window: 60, attribution: "last" }),
    ).rejects.toThrow(/is inside the input `.*input.*`, so that the next run would read it as input/);
    expect(readdirSync(join(folder, "input"))).toEqual(["log.parquet"]);
  });
  test.each([
    [
      "a missing column",
      "* RENAME (propensity AS propensty)",
      /has no column `propensity`; it has .*Did you mean `propensty`\?/,
    ],
    [
      "a column of another type",
      "* REPLACE (position::VARCHAR AS position)",
      /column `position` is VARCHAR, expected INTEGER/,
    ],
    ["a time of another type", "* REPLACE (epoch_us(time) AS time)", /column `time` is BIGINT, expected TIMESTAMP/],
    [
      "an item of another type",
      "* REPLACE (item::DOUBLE AS item)",
      /column `item` is DOUBLE, expected BIGINT or VARCHAR/,
    ],
    [
      "an infinite time",
      "* REPLACE ('infinity'::TIMESTAMP AS time)",
      /column `time` has "infinity" in row 0, expected a time/,
    ],
    ["joined rows", "*, 1 AS label", /has a column `label`, which the join makes/],
  ])("%s", async (_, select, message) => {
    const log = join(folder, "odd.parquet");
    await sql(parquet(`SELECT ${select} FROM (${logSql([GOOD])})`, log), "SELECT 1");
    await refused(log, clicks(), message);
  });
  test("items of two types in two files", async () => {
    await sql(
      parquet(logSql([GOOD]), join(folder, "kind-1.parquet")),
      parquet(logSql([{ ...GOOD, item: "x" }]), join(folder, "kind-2.parquet")),
      "SELECT 1",
    );
    await refused(
      join(folder, "kind-*.parquet"),
      clicks(),
      /column `item` has integers in `.*kind-1\.parquet` and texts in `.*kind-2\.parquet`/,
    );
  });
  test("no rows, another format, no Parquet at all, no bytes, no such file", async () => {
    const empty = join(folder, "empty.parquet");
    await sql(parquet(`SELECT * FROM (${logSql([GOOD])}) WHERE false`, empty), "SELECT 1");
    await refused(empty, clicks(), /no rows/);
    await refused(clicks(), clicks(), "is csv. An exposure log is Parquet");
    await refused(file("fake.parquet", "PAR1 but no more"), clicks(), /fake\.parquet/);
    await refused(file("nothing.parquet", ""), clicks(), /nothing\.parquet` is empty/);
    await refused(join(folder, "nowhere.parquet"), clicks(), /nowhere\.parquet` names no file/);
  });
  test("a user that the log does not keep", async () => {
    await refused(
      await writeLog(folder, [GOOD]),
      clicks(),
      /has no kept column `user_ids`, which `--user user_ids` names\. Did you mean `user_id`\? Keep it in the ensemble/,
      { user: "user_ids" },
    );
  });
});

describe("events", () => {
  test.each<[string, string, RegExp, Partial<JoinOptions>?]>([
    ["no rows", `${HEAD}\n`, /events\.csv` has no rows\. There are no events to join/],
    [
      "a time that is not one",
      `${HEAD}\n${CLICK}\na,1,yesterday\n`,
      /events\.csv`: column `time` has "yesterday" in row 1, expected a time of the years 1 to 9999/,
    ],
    ["no time", `${HEAD}\na,1,\n`, /column `time` has null in row 0/],
    ["milliseconds read as seconds", `${HEAD}\na,1,1767225701000\n`, /column `time` has "1767225701000" in row 0/],
    [
      "an item that is not an integer",
      `${HEAD}\na,1.5,2026-01-01\n`,
      /column `item` has "1.5" in row 0, expected an integer, as in the log/,
    ],
    [
      "an item beyond 64 bits",
      `${HEAD}\na,99999999999999999999,2026-01-01\n`,
      /column `item` has "99999999999999999999" in row 0/,
    ],
    [
      "a reward that is not a number",
      `${HEAD},price\n${CLICK},free\n`,
      /column `price` has "free" in row 0, expected a number between/,
      { reward: "price" },
    ],
    ["a reward of NaN", `${HEAD},price\n${CLICK},nan\n`, /column `price` has "nan" in row 0/, { reward: "price" }],
    [
      "no item column",
      "request_id,itm,time\na,1,2026-01-01\n",
      /has no column `item`, the item of an event .*Did you mean `itm`\?/,
    ],
    [
      "no request and no user",
      "session,item,time\na,1,2026-01-01\n",
      /has no column `request_id`\. Name it with `--columns request_id=NAME`, or match by a user/,
    ],
    [
      "a column that is renamed to nothing",
      `${HEAD}\n${CLICK}\n`,
      /has no column `sku`/,
      { columns: new Map([["item", "sku"]]) },
    ],
    [
      "a role that is none",
      `${HEAD}\n${CLICK}\n`,
      /`itm` is not read from the events\..*Did you mean `item`\?/,
      { columns: new Map([["itm", "item"]]) },
    ],
    ["names without a column", `${HEAD}\n${CLICK}\n`, /has no column `event`, which `--event`/, { labels: ["click"] }],
    [
      "a name that no event has",
      `${HEAD},event\n${CLICK},purchase\n`,
      /no event is named "purchse"; the names are "purchase"\. Did you mean `purchase`\?/,
      { labels: ["purchse"] },
    ],
    [
      "an event id of null",
      `${HEAD},id\n${CLICK},\n`,
      /column `id` has null in row 0, expected the id of the event/,
      { eventId: "id" },
    ],
    [
      "other requests",
      `${HEAD}\nz,1,2026-01-01T00:00:01Z\n`,
      /none of 1 events matches an exposure: 1 have an unknown request id\. Give the log of the same requests/,
    ],
    ["other items", `${HEAD}\na,9,2026-01-01T00:00:01Z\n`, /1 name an item that their request did not show/],
    [
      "late and early",
      `${HEAD}\na,1,2026-01-02\na,1,2026-01-03\na,1,2025-12-31\n`,
      /none of 3 events .*: 2 are later than the window, 1 precede their exposure\. Widen `--window`/,
    ],
    ["a zone that is none", `${HEAD}\n${CLICK}\n`, /there is no time zone "Mars\/Base"/, { timeZone: "Mars/Base" }],
    ["a row with too many fields", `${HEAD}\n${CLICK},extra,more\n`, /events\.csv/],
  ])("%s", async (_, text, message, some) => {
    await refused(await writeLog(folder, [GOOD]), file("events.csv", text), message, some);
  });
  test.each([
    [
      "a date",
      "'a' AS request_id, 1 AS item, DATE '2026-01-01' AS time",
      /column `time` of the events is DATE; .*A date cannot be compared/,
    ],
    [
      "an item of pandas",
      "'a' AS request_id, 1.0::DOUBLE AS item, now() AS time",
      /column `item` of the events is DOUBLE; .*use its Int64/,
    ],
    ["a list of items", "'a' AS request_id, [1] AS item, now() AS time", /column `item` of the events is INTEGER\[\]/],
    [
      "an infinite time",
      "'a' AS request_id, 1 AS item, 'infinity'::TIMESTAMP AS time",
      /column `time` has "infinity" in row 0/,
    ],
  ])("Parquet: %s", async (_, select, message) => {
    const events = join(folder, "typed.parquet");
    await sql(parquet(`SELECT ${select}`, events), "SELECT 1");
    await refused(await writeLog(folder, [GOOD]), events, message);
  });
});
