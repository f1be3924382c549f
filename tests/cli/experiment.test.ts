/** `merlon experiment report` as a command: its tables, its JSON and its exit codes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { ExperimentReport } from "#runtime/evaluation/experiment/report.js";
import { MERLON } from "../needs/built.js";
import { parquet, sql } from "../runtime/etl/feedback/log.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-experiment-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "joined.parquet");
const merlon = (...args: string[]) =>
  spawnSync(process.execPath, [MERLON, "experiment", "report", file, ...args], { encoding: "utf8" });

test("prints arms, intervals and a verdict; JSON; exit code 1 without a result", async () => {
  await sql(
    parquet(
      `SELECT 'r' || r AS request_id, 0 AS request_row, if(r % 4 = 0, 'b', 'a') AS arm, r % 900 AS user_id, (r // 4) % if(r % 4 = 0, 3, 10) < 1 AS reward FROM range(4000) t(r)`,
      file,
    ),
    "SELECT 1",
  );
  const text = merlon("--arms", "a,b", "--weights", "3,1");
  expect([text.stderr, text.status]).toEqual(["", 0]);
  expect(text.stdout).toMatch(
    /^arm {2}requests {2}per request {2}standard error\na {4}3,000 +0\.1 +0\.005\d+\nb {4}1,000 +0\.334 +/,
  );
  expect(text.stdout).toMatch(
    /\nb +\+0\.234 +\+0\.1\d+ … \+0\.2\d+ +< 0\.0001 +confidence sequence: valid at every look\n/,
  );
  expect(text.stdout).toMatch(/\n✔ b against a: better, \+234\.0 % reward per request, always-valid 95 % interval/);

  const users = merlon("--arms", "a,b", "--unit", "user_id", "--json");
  const report = JSON.parse(users.stdout) as ExperimentReport;
  expect(users.status).toBe(0);
  expect(report.arms.map(({ arm, units, requests }) => [arm, units, requests])).toEqual([
    ["a", 675, 3000],
    ["b", 225, 1000],
  ]);
  expect(report.sampleRatio.mismatch).toBe(true);
  expect(merlon("--arms", "a,b").stdout).toMatch(
    /\n✘ b against a: not reliable, .*\n {2}! the numbers of units differ from the weights \(p < 0\.0001\)/,
  );

  const missing = merlon("--arms", "a,c");
  expect([missing.status, missing.stdout]).toEqual([1, ""]);
  expect(missing.stderr).toContain("no request has the arm `c`; the arms are `a`, `b`.");
  const level = merlon("--arms", "a,b", "--level", "2");
  expect([level.status, level.stderr]).toEqual([1, expect.stringContaining("A number between 0 and 1 is expected")]);
}, 120_000);
