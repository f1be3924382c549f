/** Random logs and events, by DuckDB and by Spark: the same rows and counts, and the same words for a value at fault. Spark is a real one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import { joinFeedbackOnSpark } from "#runtime/etl/feedback/join-on-spark.js";
import type { JoinOptions } from "#runtime/etl/feedback/options.js";
import { openSpark, type SparkSession } from "#runtime/etl/spark/session.js";
import { sparkPython } from "../../../needs/java.js";
import { type Exposure, literal, logSql, parquet, sql } from "./log.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-spark-"));
let spark: SparkSession;
/** Spark makes 200 tasks for each shuffle otherwise. */
const CONF = {
  "spark.sql.shuffle.partitions": "2",
  "spark.driver.memory": "1g",
  "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
};
beforeAll(async () => {
  spark = await openSpark({ master: "local[2]", conf: CONF, python: sparkPython() });
});
afterAll(async () => {
  await spark?.close();
  rmSync(folder, { recursive: true, force: true });
});

const ONE: Exposure = { request_id: "", request_row: 0, time: 0, item: 1, position: 1, user_id: 1 };

/** A fifth of the rows has one user and item, users may be null, and every tenth candidate was not shown. */
const exposuresSql = (seed: number, text: boolean) => {
  const item = "CASE WHEN h(2) % 5 = 0 THEN 1 ELSE 1 + i % 4 END";
  return `SELECT * EXCLUDE (i) REPLACE (
      concat('r''\\', i // 4) AS request_id, ((i // 2) % 2)::INTEGER AS request_row, ${text ? `concat('é', i % 4)` : `(${item} + 10 * (i % 2))::BIGINT`} AS item,
      make_timestamp(1767225600000000 + (i // 4) * 1000000 + (h(3) % 4) * 250000) AS "time",
      CASE WHEN h(4) % 10 > 0 THEN (1 + i % 2)::INTEGER END AS "position",
      CASE WHEN h(5) % 5 = 0 THEN 1 WHEN h(6) % 9 > 0 THEN h(7) % 6 END AS user_id)
    FROM (${logSql([ONE])}) one, range(400) t(i)`.replaceAll(
    /h\((\d)\)/g,
    `(hash(concat(i, ' $1 ', ${seed})) % 1000)::BIGINT`,
  );
};

/** Events of a request, of a user, of neither; late, early, repeated, of unknown requests and items. */
const eventsSql = (seed: number, text: boolean, row: boolean) =>
  `SELECT CASE WHEN h(1) % 3 > 0 THEN concat('r''\\', h(2) % 110) END AS request_id, ${row ? "(h(3) % 2)::INTEGER AS request_row, " : ""}
     CASE WHEN h(4) % 3 = 0 THEN 1 WHEN h(5) % 8 > 0 THEN h(6) % 7 END AS user_id,
     CASE WHEN h(7) % 12 > 0 THEN ${text ? `concat('é', h(8) % 5)` : "(1 + h(8) % 4 + 10 * (h(3) % 2))::BIGINT"} END AS item,
     CASE WHEN h(9) % 3 = 0 THEN 'purchase' WHEN h(9) % 3 = 1 THEN 'click' ELSE 'view' END AS event,
     make_timestamp(1767225600000000 + (h(2) % 110) * 1000000 + (h(0) % 60 - 10) * 250000) AS time,
     concat('e', i // 2) AS id, CASE WHEN h(1) % 7 > 0 THEN (h(2) % 100) / 7 END AS price
   FROM range(900) t(i)`.replaceAll(/h\((\d)\)/g, `(hash(concat(i // 2, ' $1 ', ${seed})) % 1000)::BIGINT`);

const NAMES = new Map([
  ["click", 0.1],
  ["purchase", 1],
]);

const CASES: readonly (readonly [string, JoinOptions, { readonly text?: true; readonly row?: true }])[] = [
  ["last, by user", { window: 8, attribution: "last", user: "user_id", rewards: NAMES, negatives: 0.4, seed: 3 }, {}],
  ["last, ids of events, rows", { window: 8, attribution: "last", clockSkew: 2, eventId: "id" }, { row: true }],
  [
    "position, a column",
    { window: 20, attribution: "position", user: "user_id", clockSkew: 1, reward: "price", notShown: true },
    {},
  ],
  [
    "all, texts",
    {
      window: 12,
      attribution: "all",
      user: "user_id",
      clockSkew: 1,
      rewards: NAMES,
      labels: ["purchase"],
      negatives: 0.5,
    },
    { text: true },
  ],
];

async function write(seed: number, text: boolean, row: boolean): Promise<readonly [log: string, events: string]> {
  const [log, events] = [join(folder, `log-${seed}.parquet`), join(folder, `events-${seed}.parquet`)];
  await sql(parquet(exposuresSql(seed, text), log), parquet(eventsSql(seed, text, row), events), "SELECT 1");
  return [log, events];
}

const rowsOf = (files: readonly string[]) =>
  sql(
    `SELECT * REPLACE (epoch_us("time") AS "time", epoch_us(event_time) AS event_time) FROM read_parquet([${files.map(literal).join(", ")}])`,
  );

describe("the same rows as DuckDB's", () => {
  test.each(CASES.map((one, seed) => [one[0], seed] as const))("%s", async (_, seed) => {
    const [, options, { text = false, row = false }] = CASES[seed]!;
    const [log, events] = await write(seed, text, row);
    const one = await joinFeedback([log], [events], join(folder, `${seed}-duckdb`), options);
    const other = await joinFeedbackOnSpark([log], [events], join(folder, `${seed}-spark`), spark, options);
    expect({ ...other, files: [] }).toEqual({ ...one, files: [] });
    expect(one.events.matched).toBeGreaterThan(30);
    expect(await rowsOf(other.files)).toEqual(await rowsOf(one.files));
  });
});

describe("the same words as DuckDB's", () => {
  const both = async (log: string, events: string, options: JoinOptions) => {
    const failed = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "",
        (error: Error) => error.message,
      );
    const out = join(folder, "refused");
    return [
      await failed(joinFeedback([log], [events], out, options)),
      await failed(joinFeedbackOnSpark([log], [events], out, spark, options)),
    ];
  };
  const LAST: JoinOptions = { window: 8, attribution: "last" };
  test("for a value of the log, a value of the events, and names", async () => {
    const [log, events] = await write(90, false, false);
    const odd = join(folder, "odd.parquet");
    const messages: string[] = [];
    const compare = async (select: string, of: "log" | "events", options = LAST): Promise<void> => {
      await sql(parquet(select, odd), "SELECT 1");
      const [one, other] = await both(of === "log" ? odd : log, of === "events" ? odd : events, options);
      expect(other).toBe(one);
      messages.push(one!);
    };
    const read = (file: string) => `SELECT * FROM read_parquet(${literal(file)})`;
    await compare(
      `SELECT * REPLACE (CASE WHEN request_id LIKE '%7' THEN 1.5 ELSE propensity END AS propensity) FROM (${read(log)})`,
      "log",
    );
    await compare(
      `SELECT * REPLACE (CASE WHEN id = 'e9' THEN 'soon' ELSE '2026-01-01' END AS time) FROM (${read(events)})`,
      "events",
    );
    await compare(read(events), "events", { ...LAST, labels: ["purchases"] });
    await compare(`SELECT * EXCLUDE (item) FROM (${read(events)})`, "events");
    expect(messages.map(message => /1\.5|soon|purchases|no column `item`/.exec(message)?.[0])).toEqual([
      "1.5",
      "soon",
      "purchases",
      "no column `item`",
    ]);
  });
});
