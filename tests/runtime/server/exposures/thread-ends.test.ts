// The writer's thread ends while the server runs: another one takes its place, and everything but one message is written.
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import { startServer } from "../support.js";
import { loggedRepository, requestOf, rowsOf } from "./logged-ensemble.js";

const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };
const ROWS = 7;

/** Threads that start from now on. */
function threads() {
  const found: Worker[] = [];
  const add = (thread: Worker): void => void found.push(thread);
  process.on("worker", add);
  return { found, stop: () => process.off("worker", add) };
}

test("a thread that ended is replaced; its log becomes a file, and lost rows are counted", {
  timeout: 120_000,
}, async () => {
  const repository = await loggedRepository({ log: '{ columns: [request["user_id"]], candidates: { all: 1 } }' });
  const folder = mkdtempSync(join(tmpdir(), "merlon-exposures-"));
  const { found, stop } = threads();
  const server = await startServer(repository, { exposures: { folder } });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return Number(new RegExp(`^merlon_exposures_${name} (\\S+)`, "m").exec(text)![1]);
  };
  const ask = async (id: string) =>
    expect((await server.post("/v2/models/logged/infer", requestOf([ROW], { id }))).status).toBe(200);
  const written = (rows: number) =>
    vi.waitFor(async () => expect(await metric("rows_total")).toBe(rows), { timeout: 20_000, interval: 50 });
  const ended = (count: number) =>
    vi.waitFor(() => expect(server.log.join("").match(/It starts again in/g)).toHaveLength(count), 10_000);
  try {
    await ask("before");
    await written(ROWS);
    await found[0]!.terminate();
    await ended(1);
    // Nothing was on its way.
    expect(await metric("dropped_total")).toBe(0);
    await ask("meanwhile");
    await written(2 * ROWS);
    // A message that a thread took is lost with it.
    const post = vi.spyOn(found[1]!, "postMessage");
    const killed = new Promise<void>(resolve => {
      post.mockImplementation((...message) => {
        const [{ call }] = message as [{ call: string }];
        if (call === "append") resolve();
      });
    });
    await ask("lost");
    await killed;
    await found[1]!.terminate();
    await ended(2);
    expect(await metric("dropped_total")).toBe(ROWS);
    await ask("after");
    await written(3 * ROWS);
    expect(found).toHaveLength(3);
    expect(await metric("failures_total")).toBe(2);
  } finally {
    stop();
    await server.stop();
  }
  expect(readdirSync(join(folder, "logged")).filter(name => !name.endsWith(".parquet"))).toEqual([]);
  expect(
    await rowsOf(
      `SELECT request_id, count(*)::INT AS n FROM '${folder}/logged/*.parquet' GROUP BY ALL ORDER BY min(time)`,
    ),
  ).toEqual(["before", "meanwhile", "after"].map(request_id => ({ request_id, n: ROWS })));
  const lines = server.log.filter(line => line.includes("the thread that writes exposures"));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/has ended: exit code 1\. It starts again in 1 s\./);
  expect(lines[1]).toMatch(/At most 7 rows of exposures are lost\. It starts again in 2 s\./);
});
