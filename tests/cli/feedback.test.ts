/** `merlon feedback join` as a command: its report, its JSON, its exit codes, and a disk that is full while the rows are written. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { JoinReport } from "#runtime/etl/feedback/options.js";
import { MERLON } from "../needs/built.js";
import { logSql, parquet, sql } from "../runtime/etl/feedback/log.js";
import { withoutProgress } from "./progress-lines.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [log, events, out] = ["log.parquet", "events.csv", "joined.parquet"].map(name => join(folder, name)) as [
  string,
  string,
  string,
];
const words = (...more: string[]): string[] => [
  "feedback",
  "join",
  log,
  events,
  "--window",
  "1h",
  "--out",
  out,
  ...more,
];
const merlon = (...args: string[]) => spawnSync(process.execPath, [MERLON, ...args], { encoding: "utf8" });

test("prints a report, or JSON; a full disk leaves the rows that were there; exit code 1 without a result", async () => {
  const one = logSql([{ request_id: "", request_row: 0, time: 0, item: 1, position: 1 }], {});
  await sql(
    parquet(
      `SELECT * EXCLUDE (i) REPLACE (concat('request ', i) AS request_id, random() AS score, i % 3 + 1 AS "position") FROM (${one}), range(20000) t(i)`,
      log,
    ),
    "SELECT 1",
  );
  writeFileSync(
    events,
    "request_id,item,time,event\nrequest 1,1,2026-01-01T00:00:01Z,click\nrequest 2,1,2026-01-01T00:00:01Z,purchase\nrequest x,1,2026-01-01T00:00:01Z,click\n",
  );
  const made = merlon(...words("--event", "click=0.5", "--event", "purchase=2"));
  expect([withoutProgress(made.stderr), made.status]).toEqual(["", 0]);
  expect(made.stdout).toMatch(/^✔ Joined to .*joined\.parquet: 20,000 rows in/);
  expect(made.stdout).toMatch(/\nevents +3\n {2}matched +2 +66\.7 %\n {2}of an unknown request id +1 +33\.3 %\n/);
  expect(made.stdout).toMatch(
    /\nposition +rows +label 1 +rate +reward\n1 +6,667 +0 +0 % +0\n2 +6,667 +1 +0\.015 % +0\.5\n3 +6,666 +1 +0\.015 % +2\n/,
  );
  const before = readFileSync(out);

  const { stdout, status } = merlon(...words("--event", "click=0.5", "--event", "purchase=2", "--json"));
  const report = JSON.parse(stdout) as JoinReport;
  expect(status).toBe(0);
  expect(report.joined).toEqual({ rows: 20_000, positives: 2, withEvent: 2, reward: 2.5 });
  expect(report.events).toMatchObject({ rows: 3, matched: 2, unknownRequests: 1 });
  expect(readFileSync(out).equals(before)).toBe(true);

  // Files of more than 4 KiB cannot be written.
  const script = 'ulimit -f 4; exec "$0" "$@"';
  const full = spawnSync("bash", ["-c", script, process.execPath, MERLON, ...words()], { encoding: "utf8" });
  expect(full.status).toBe(1);
  expect(full.stderr).toContain("There is no space to write");
  expect(readFileSync(out).equals(before)).toBe(true);

  writeFileSync(events, "request_id,item,time\nrequest x,1,2026-01-01T00:00:01Z\n");
  const none = merlon(...words());
  expect(none.status).toBe(1);
  expect(none.stderr).toContain("none of 1 events matches an exposure: 1 have an unknown request id.");
  expect(readFileSync(out).equals(before)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["events.csv", "joined.parquet", "log.parquet"]);
}, 240_000);

test.each([
  ["--window", "0h", /A duration is a number with s, m, h, d or w/],
  ["--negatives", "0", /A rate above 0 and of at most 1 is expected/],
  ["--event", "purchase", /An event and its reward are expected, such as purchase=1/],
  ["--attribution", "first", /Allowed choices are last, position, all/],
  ["--seed", "-1", /A whole number of at least 0 is expected/],
  ["--reward=price", "--event=a=1", /cannot be used with option/],
])(
  "%s %s",
  (option, value, message) => {
    const { stderr, status } = merlon(...words(option, value));
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  },
  60_000,
);
