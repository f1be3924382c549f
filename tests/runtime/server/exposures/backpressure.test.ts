// Backpressure of a writer that cannot write, the bound on waiting memory, and a million candidates.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Backpressure } from "#runtime/server/exposures/exposure-log.js";
import { startServer } from "../support.js";
import { filesIn, loggedRepository, requestOf, rowsOf } from "./logged-ensemble.js";

const WIDTH = 4000;
/** Some seven requests. */
const WAITING = 2 ** 19;
const LOG = '{ columns: [request["user_id"]], candidates: { all: 1 } }';
const row = (width: number) => ({ user: 1, ids: Array.from({ length: width }, (_, i) => i + 100), popular: [3, 9] });

let repository: string;
beforeAll(async () => {
  repository = await loggedRepository({ width: WIDTH, log: LOG });
}, 120_000);

/** A server whose folder has a file in its place, and requests whose records are some 80 kB each. */
async function behind(backpressure: Backpressure) {
  const folder = join(mkdtempSync(join(tmpdir(), "merlon-exposures-")), "log");
  writeFileSync(folder, "in the way");
  const server = await startServer(repository, { exposures: { folder, backpressure, waitingBytes: WAITING } });
  const body = JSON.stringify(requestOf([row(WIDTH)]));
  const ask = () => server.json("/v2/models/logged/infer", { method: "POST", body });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return Number(new RegExp(`^merlon_exposures_${name} (\\S+)`, "m").exec(text)![1]);
  };
  return { folder, server, ask, metric, free: () => rmSync(folder) };
}

test("drop: every request gets its response, and rows beyond the bound are counted", {
  timeout: 120_000,
}, async () => {
  const { folder, server, ask, metric, free } = await behind("drop");
  for (let i = 0; i < 12; i++) expect((await ask()).status).toBe(200);
  expect(await metric("waiting_bytes")).toBeLessThanOrEqual(WAITING);
  const dropped = await metric("dropped_total");
  expect(dropped).toBeGreaterThan(0);
  expect(dropped % (WIDTH + 2)).toBe(0);
  await vi.waitFor(
    () => expect(server.log.join("")).toMatch(/exposures cannot be written to .*(EEXIST|ENOTDIR)/),
    10_000,
  );
  // A line for each reason, and none for a repetition.
  const reasons = server.log.flatMap(line => /exposures cannot be written to .*?: (E[A-Z]+)/.exec(line)?.[1] ?? []);
  expect(reasons).toEqual([...new Set(reasons)]);
  free();
  await vi.waitFor(() => expect(server.log.join("")).toContain("are written to"), 20_000);
  await server.stop();
  const [{ n }] = (await rowsOf(`SELECT count(*)::INT AS n FROM '${folder}/logged/*.parquet'`)) as [{ n: number }];
  expect(n + dropped).toBe(12 * (WIDTH + 2));
});

test("fail: requests are refused while the writer is behind, and none that was answered is lost", {
  timeout: 120_000,
}, async () => {
  const { folder, server, ask, metric, free } = await behind("fail");
  let answered = 0;
  for (let refused = 0; refused === 0; ) {
    const { status, body } = await ask();
    if (status === 200) answered++;
    else {
      refused++;
      expect(status).toBe(503);
      expect(JSON.stringify(body)).toContain("--exposures-backpressure fail");
    }
    expect(answered).toBeLessThan(12);
  }
  free();
  await vi.waitFor(async () => expect(await metric("waiting_bytes")).toBe(0), { timeout: 20_000, interval: 200 });
  expect((await ask()).status).toBe(200);
  await server.stop();
  const [{ n }] = (await rowsOf(`SELECT count(*)::INT AS n FROM '${folder}/logged/*.parquet'`)) as [{ n: number }];
  expect(n).toBe((answered + 1) * (WIDTH + 2));
});

test("block: requests wait until there is room", { timeout: 120_000 }, async () => {
  const { folder, server, ask, metric, free } = await behind("block");
  for (let i = 0; (await metric("waiting_bytes")) < WAITING; i++) {
    expect((await ask()).status).toBe(200);
    expect(i).toBeLessThan(12);
  }
  const before = await metric("waiting_bytes");
  let isAnswered = false;
  const waiting = ask().then(({ status }) => {
    isAnswered = true;
    return status;
  });
  // Another request of the server is answered meanwhile, after the first one was read.
  expect((await server.json("/v2/health/ready")).status).toBe(200);
  await vi.waitFor(async () => expect(await metric("failures_total")).toBeGreaterThan(2), {
    timeout: 20_000,
    interval: 200,
  });
  expect(isAnswered).toBe(false);
  expect(await metric("waiting_bytes")).toBe(before);
  free();
  expect(await waiting).toBe(200);
  expect(await metric("dropped_total")).toBe(0);
  await server.stop();
  expect(filesIn(folder).length).toBeGreaterThan(0);
});

describe("a kept text of 3 MB with 30 candidates, next to a good request", () => {
  let texts: string;
  beforeAll(async () => {
    texts = await loggedRepository({ width: 30, log: '{ columns: [request["country"]], candidates: { all: 1 } }' });
  }, 120_000);
  const send = async (backpressure: Backpressure) => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-exposures-"));
    const server = await startServer(texts, { exposures: { folder, backpressure } });
    const post = (country: string, id: string) =>
      server.post("/v2/models/logged/infer", requestOf([{ ...row(30), country }], { id }));
    const large = await post("x".repeat(3_000_000), "large");
    const good = await post("de", "good");
    await vi.waitFor(() => expect(server.log.join("")).toContain(backpressure === "drop" ? "dropped" : ""), 10_000);
    await server.stop();
    const logged = await rowsOf(`SELECT DISTINCT request_id FROM '${folder}/logged/*.parquet'`);
    expect(logged).toEqual([{ request_id: "good" }]);
    expect(good.status).toBe(200);
    return { ...large, log: server.log.join("") };
  };
  const REASON =
    "'country' has 3000000 bytes in request row 0, and the exposure log repeats them for each of 32 candidates";
  test("drop: it is answered, counted and named in the log", { timeout: 60_000 }, async () => {
    const { status, log } = await send("drop");
    expect(status).toBe(200);
    expect(log).toContain(`32 rows of exposures were dropped: ${REASON}`);
  });
  test.each(["block", "fail"] as const)("%s: it is refused", { timeout: 60_000 }, async backpressure => {
    const { status, body } = await send(backpressure);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(REASON);
  });
});
