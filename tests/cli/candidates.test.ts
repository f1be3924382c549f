/** `merlon candidates` as a command: its summary, and a disk that is full while the table is written. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readCandidateTable } from "#formats/tables/candidate-table.js";
import { MERLON } from "../needs/built.js";

const EVENTS = join(import.meta.dirname, "../fixtures/candidates/events.jsonl");
const folder = mkdtempSync(join(tmpdir(), "merlon-candidates-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "together.candidates");
const words = (support: number): string[] => [
  ...["candidates", "cooccurrence", EVENTS, "--item", "item", "--together", "user"],
  ...["--time", "time", "--half-life", "7d", "--min-support", String(support), "--out", out],
];

test("writes a table and its summary; a full disk leaves the table that was there", () => {
  const made = spawnSync(process.execPath, [MERLON, ...words(3)], { encoding: "utf8" });
  expect([made.stderr, made.status]).toEqual([expect.any(String), 0]);
  expect(made.stdout).toMatch(/Wrote .*together\.candidates.*600 rows/);
  expect(made.stdout).toMatch(/keys +23\n.*candidates +\d+, \d+\.\d of a key\n/s);
  expect(readCandidateTable(out).keys.values).toHaveLength(23);
  const before = readFileSync(out);
  // Files of more than 4 KiB cannot be written.
  const script = 'ulimit -f 4; exec "$0" "$@"';
  const full = spawnSync("bash", ["-c", script, process.execPath, MERLON, ...words(1)], { encoding: "utf8" });
  expect(full.status).toBe(1);
  expect(full.stderr).toContain("together.candidates` cannot be written: EFBIG");
  expect(full.stderr).toContain("The file that was there stays.");
  expect(readFileSync(out).equals(before)).toBe(true);
  expect(readdirSync(folder)).toEqual(["together.candidates"]);
}, 120_000);
