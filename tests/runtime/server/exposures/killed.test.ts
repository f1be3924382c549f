// Real servers that are killed, stopped, or have several workers: what was answered is in finished files, once. KILLS=50 is the long form.
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { elapse } from "../../../run/wait.js";
import { type ChildServer, startChildServer } from "../../../walls/support/child-server.js";
import { loggedRepository, requestOf, rowsOf } from "./logged-ensemble.js";

const KILLS = Number(process.env.KILLS ?? 5);
/** Milliseconds that a kill may cost. */
const LOST_MS = 5000;
const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };

let repository: string;
beforeAll(async () => {
  repository = await loggedRepository({ log: '{ columns: [request["user_id"]], candidates: { all: 1 } }' });
}, 120_000);

const folderOf = () => mkdtempSync(join(tmpdir(), "merlon-exposures-"));
const flagsOf = (folder: string, ...more: string[]) => [`--exposures=${folder}`, "--exposures-rotate=8KB", ...more];

/** Sends requests one after the other until a connection fails. @returns when each id was answered */
async function load(server: ChildServer, prefix: string, answered: Map<string, number>): Promise<void> {
  for (let i = 0; ; i++) {
    const id = `${prefix}-${i}`;
    try {
      const response = await server.post("/v2/models/logged/infer", requestOf([ROW], { id }));
      if (response.status === 200 && (await response.text())) answered.set(id, Date.now());
    } catch {
      return;
    }
  }
}

/** Rows by request id. */
async function logged(folder: string): Promise<Map<string, number>> {
  const rows = await rowsOf(
    `SELECT request_id, count(*)::INT AS n, count(DISTINCT item)::INT AS items FROM '${folder}/logged/*.parquet' GROUP BY ALL`,
  );
  for (const { n, items } of rows) expect(items).toBe(n);
  return new Map(rows.map(({ request_id, n }) => [request_id as string, n as number]));
}

test(`${KILLS} kills at random instants under load`, { timeout: 60_000 + KILLS * 30_000 }, async () => {
  const folder = folderOf();
  const answered = new Map<string, number>();
  const kills: number[] = [];
  for (let n = 0; n < KILLS; n++) {
    const server = await startChildServer(repository, { flags: flagsOf(folder) });
    const loads = [0, 1].map(lane => load(server, `k${n}-${lane}`, answered));
    // Only a server that ran for longer than the loss allowed can lose too much.
    const isLong = n % 5 === 4;
    await elapse(isLong ? LOST_MS + 1500 + Math.random() * 1000 : 500 + Math.random() * 2500);
    kills.push(Date.now());
    process.kill(server.pid, "SIGKILL");
    await Promise.all([...loads, server.ended]);
  }
  const last = await startChildServer(repository, { flags: flagsOf(folder) });
  await last.stop();
  expect(readdirSync(join(folder, "logged")).filter(name => !name.endsWith(".parquet"))).toEqual([]);
  const rows = await logged(folder);
  for (const n of rows.values()) expect(n).toBe(7);
  const lost = [...answered].filter(([id]) => !rows.has(id));
  const beforeKill = lost.map(([id, at]) => kills[Number(/^k(\d+)/.exec(id)![1])]! - at);
  const latest = beforeKill.reduce((most, ms) => Math.max(most, ms), 0);
  process.stdout.write(
    `${KILLS} kills: ${answered.size} answered, ${lost.length} of them lost, the first ${latest} ms before its kill\n`,
  );
  expect(latest).toBeLessThan(LOST_MS);
  expect(rows.size).toBeGreaterThan(KILLS);
});

test("SIGTERM loses nothing, with hostile ids", { timeout: 60_000 }, async () => {
  const folder = folderOf();
  const server = await startChildServer(repository, { flags: flagsOf(folder) });
  const ids = ["../../etc/passwd", "a'; DROP TABLE x; --", "nul\0byte", "\u{1f600}\u202e", "x".repeat(60_000)];
  for (const id of ids) {
    const response = await server.post("/v2/models/logged/infer", requestOf([ROW], { id }));
    expect([id.slice(0, 20), response.status, response.ok ? "" : await response.text()]).toEqual([
      id.slice(0, 20),
      200,
      "",
    ]);
  }
  const metrics = await (await fetch(`${server.metrics}/metrics`)).text();
  expect(metrics).toContain("merlon_exposures_dropped_total 0");
  await server.stop();
  expect(await server.ended).toBe(0);
  const rows = [...(await logged(folder)).keys()];
  expect(rows).toHaveLength(ids.length);
  for (const id of ids.slice(0, 4)) expect(rows).toContain(id);
  expect(rows.filter(id => id.startsWith("sha256:"))).toHaveLength(1);
  expect(readdirSync(folder)).toEqual(["logged"]);
});
