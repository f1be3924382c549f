/**
 * More idle connections than a server has descriptors: those above its cap are closed, and it still opens files, serves and can be measured.
 */
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { resting, until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { call, type Served, serveWorkers } from "../workers/served.js";

const DESCRIPTORS = 192;
/** For one process; a quarter of the descriptors is kept. */
const FLOOD = 300;
const LIMITED = ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`];

async function start(workers: number, flags: readonly string[] = []): Promise<Served> {
  const served = await serveWorkers(repository(["echo_int32"]), workers, flags, undefined, { command: LIMITED });
  onTestFinished(() => served.stop().then(() => {}));
  return served;
}

/** @returns those that the server keeps */
async function flood(port: number, count: number): Promise<() => readonly Socket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket.resume();
    }),
  );
  onTestFinished(() => sockets.forEach(socket => void socket.destroy()));
  const kept = (): readonly Socket[] => sockets.filter(({ closed }) => !closed);
  await resting(() => kept().length, 300);
  return kept;
}

test.for([
  [1, "http"],
  [1, "grpc"],
  [2, "http"],
  [2, "grpc"],
] as const)(
  "%i workers: idle connections of the %s port leave descriptors for files and metrics",
  async ([workers, port]) => {
    const served = await start(workers);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const onOldConnection = (path: string, method = "GET") => call(served.http, method, path, undefined, agent);
    expect((await onOldConnection("/v2/health/live")).status).toBe(200);
    const kept = await flood(served[port], FLOOD * workers);
    expect(kept().length).toBeGreaterThan(DESCRIPTORS / 3);
    expect(kept().length).toBeLessThan(workers * DESCRIPTORS * 0.75);
    // It opens a folder.
    expect((await onOldConnection("/v2/repository/index", "POST")).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${served.metrics}/metrics`)).status).toBe(200);
    const lines = served.log().match(/^W.*connections are closed: all but 48 of 192 descriptors/gm) ?? [];
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(workers === 1 ? 1 : 1 + workers);
    for (const socket of kept()) socket.destroy();
    await until("a fresh connection is served", () =>
      served.call("GET", "/v2/health/live").then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  },
);

test("regions of shared memory leave descriptors, too", async () => {
  const served = await start(1, ["--allow-client-shm", "true"]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const key = `merlon-cap-${process.pid}`;
  writeFileSync(`/dev/shm/${key}`, Buffer.alloc(16));
  onTestFinished(() => rmSync(`/dev/shm/${key}`));
  const post = (path: string, body = {}) => call(served.http, "POST", path, body, agent);
  await post("/v2/repository/index");
  await flood(served.http, FLOOD);
  const region = { key, offset: 0, byte_size: 16 };
  const statuses: number[] = [];
  for (let i = 0; i < DESCRIPTORS / 4; i++)
    statuses.push((await post(`/v2/systemsharedmemory/region/r${i}/register`, region)).status);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect((await post("/v2/repository/index")).status).toBe(200);
});

test.for([1, 2])("%i workers: idle connections of the metrics port leave some to the others", async workers => {
  const served = await start(workers);
  const kept = await flood(served.metrics, FLOOD);
  expect(kept().length).toBe(DESCRIPTORS / 8);
  expect((await served.call("POST", "/v2/repository/index")).status).toBe(200);
});
