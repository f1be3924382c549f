/** The feedback join on small tables by hand: times of all kinds, formats, kept columns, folders, and a fit of the joined rows. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import type { JoinOptions } from "#runtime/etl/feedback/options.js";
import { type Exposure, instant, literal, parquet, sql, writeLog } from "./log.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "joined.parquet");
const LAST: JoinOptions = { window: 3600, attribution: "last" };

/** Request `a` shows items 1 and 2 at 0 s; request `b` shows items 2 and 1 at 100 s. */
const LOG: readonly Exposure[] = [
  { request_id: "a", request_row: 0, time: 0, item: 1, position: 1, user_id: 7 },
  { request_id: "a", request_row: 0, time: 0, item: 2, position: 2, user_id: 7 },
  { request_id: "b", request_row: 0, time: 100, item: 2, position: 1, user_id: 7 },
  { request_id: "b", request_row: 0, time: 100, item: 1, position: 2, user_id: 7 },
  { request_id: "b", request_row: 0, time: 100, item: 3, position: null, user_id: 7 },
];

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** `request_id:item` of the rows with label 1. */
async function positives(): Promise<readonly string[]> {
  const rows = await sql(
    `SELECT concat(request_id, ':', item) FROM read_parquet(${literal(out)}) WHERE label = 1 ORDER BY 1`,
  );
  return rows.map(([key]) => String(key));
}

describe("a request id that a client repeats", () => {
  const at = (request_id: string, time: number, items: readonly number[]): readonly Exposure[] =>
    items.map((item, i) => ({ request_id, request_row: 0, time, item, position: i + 1, user_id: 7 }));
  const clicks = (): string => file("repeated.csv", "request_id,item,time\na,2,2026-01-01T00:02:30Z\n");
  test.each<[string, readonly Exposure[]]>([
    ["with the same items", at("a", 9, [2, 1])],
    ["with other items", at("a", 9, [8, 9])],
    ["with some of the items", at("a", 9, [1, 9])],
    ["with the same items at the same instant", at("a", 0, [2, 1])],
  ])("keeps the first list: %s", async (_, later) => {
    const log = await writeLog(folder, [...later, ...LOG]);
    const report = await joinFeedback([log], [clicks()], out, LAST);
    expect(report.exposures).toMatchObject({ rows: 5, repeated: { rows: 2, requests: 1, examples: ["a"] } });
    if (later[0]!.time > 0)
      expect(
        await sql(`SELECT item::INTEGER, "position", label FROM read_parquet(${literal(out)}) WHERE request_id = 'a'`),
      ).toEqual([
        [1, 1, 0],
        [2, 2, 1],
      ]);
    expect(report.joined.rows).toBe(4);
  });
});

describe("times", () => {
  // 2026-01-01T00:01:41Z, one second after request `b`.
  const AT = 1_767_225_701;
  test.each<[string, string, Partial<JoinOptions>]>([
    ["ISO 8601 in UTC", "2026-01-01T00:01:41Z", {}],
    ["an offset", "2026-01-01T02:31:41+02:30", {}],
    ["without a zone", "2026-01-01 00:01:41.000", {}],
    ["a named zone", "2026-01-01 01:01:41 Europe/Brussels", {}],
    ["local time", "2026-01-01T01:01:41", { timeZone: "Europe/Brussels" }],
    ["an offset beside a zone for others", "2026-01-01T00:01:41Z", { timeZone: "Asia/Tokyo" }],
    ["seconds", String(AT), {}],
    ["seconds with a fraction", `${AT}.5`, {}],
    ["milliseconds", `${AT}000`, { timeUnit: "ms" }],
    ["microseconds", `${AT}000000`, { timeUnit: "us" }],
  ])("text: %s", async (_, time, some) => {
    const log = await writeLog(folder, LOG);
    const events = file("times.csv", `request_id,item,time\nb,2,${time}\n`);
    const { events: counts } = await joinFeedback([log], [events], out, { ...LAST, window: 2, ...some });
    expect(counts.matched).toBe(1);
    const [[at]] = (await sql(
      `SELECT epoch_us(event_time)::DOUBLE FROM read_parquet(${literal(out)}) WHERE label = 1`,
    )) as [[number]];
    expect(at).toBe((time.endsWith(".5") ? AT + 0.5 : AT) * 1e6);
  });
  test.each<[string, Partial<JoinOptions>]>([
    [`${instant(101)}::TIMESTAMP`, {}],
    [`${instant(101)}::TIMESTAMP_S`, {}],
    [`${instant(101)}::TIMESTAMP_MS`, {}],
    [`${instant(101)}::TIMESTAMP_NS`, {}],
    [`timezone('UTC', ${instant(101)})`, {}],
    [`(${instant(101)} + INTERVAL 9 HOUR)::TIMESTAMP`, { timeZone: "Asia/Tokyo" }],
    [`epoch(${instant(101)})::BIGINT`, {}],
    [`epoch(${instant(101)})::DOUBLE`, {}],
    [`epoch_ms(${instant(101)})::BIGINT`, { timeUnit: "ms" }],
  ])("Parquet: %s", async (time, some) => {
    const log = await writeLog(folder, LOG);
    const events = join(folder, "times.parquet");
    await sql(
      "SET TimeZone = 'UTC'",
      parquet(`SELECT 'b' AS request_id, 2 AS item, ${time} AS time`, events),
      "SELECT 1",
    );
    const { events: counts } = await joinFeedback([log], [events], out, { ...LAST, window: 2, ...some });
    expect(counts.matched).toBe(1);
  });
});

test("ids keep their text: leading zeros, quotes, NUL, a megabyte", async () => {
  const ids = ["007", "7", "o'clock", '"; DROP TABLE events; --', "a\0b", "x".repeat(1_000_000), "../../etc/passwd"];
  const rows = ids.map((request_id, i) => ({ request_id, request_row: 0, time: i, item: `sku ${i}`, position: 1 }));
  const log = await writeLog(
    folder,
    rows.filter(({ request_id }) => !request_id.includes("\0")),
    {},
  );
  const events = file(
    "ids.jsonl",
    rows
      .map(({ request_id, item }) => `${JSON.stringify({ request_id, item, time: "2026-01-01T00:00:30Z" })}\n`)
      .join(""),
  );
  const { events: counts } = await joinFeedback([log], [events], out, LAST);
  expect(counts).toMatchObject({ rows: 7, matched: 6, unknownRequests: 1 });
  expect(await positives()).toEqual(
    rows.flatMap(({ request_id, item }) => (request_id.includes("\0") ? [] : [`${request_id}:${item}`])).sort(),
  );
});

test("a folder is replaced whole, and one of other files is refused", async () => {
  const log = await writeLog(folder, LOG);
  const events = file("one.csv", "request_id,item,time\na,1,2026-01-01T00:00:01Z\n");
  const rows = join(folder, "rows");
  const { files } = await joinFeedback([log], [events], rows, LAST);
  expect(files).toEqual([join(rows, "part-00000.parquet")]);
  const before = readFileSync(files[0]!);
  await joinFeedback([log], [events], out, LAST);
  expect((await sql(`SELECT count(*)::INTEGER FROM read_parquet(${literal(files[0]!)})`))[0]).toEqual([4]);
  await joinFeedback([log], [events], rows, LAST);
  expect(readFileSync(files[0]!).equals(before)).toBe(true);
  expect(readdirSync(rows).sort()).toEqual(["_merlon.json", "part-00000.parquet"]);
  const mine = join(folder, "mine");
  mkdirSync(mine);
  writeFileSync(join(mine, "notes.txt"), "keep");
  await expect(joinFeedback([log], [events], mine, LAST)).rejects.toThrow(
    "`notes.txt` that `merlon feedback join` did not write",
  );
  expect(existsSync(join(mine, "notes.txt"))).toBe(true);
});
