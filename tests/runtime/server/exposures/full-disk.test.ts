// A real disk that is full: finished files stay, rows without room are counted, and writing continues when there is room again.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { loggedRepository, requestOf, rowsOf } from "./logged-ensemble.js";

const WIDTH = 1000;
const ROWS = WIDTH + 2;
/** Ids that do not compress, so that each request fills some 20 kB. */
const idOf = (request: number, i: number): number => Math.floor(Math.sin(request * WIDTH + i) ** 2 * 2 ** 53);
const SERVER = fileURLToPath(new URL("../../../../dist/runtime/server/index.js", import.meta.url));

/** A server whose exposures are on a file system of 2 MiB, of which a file takes half. */
async function serverOnSmallDisk(repository: string) {
  const disk = join(mkdtempSync(join(tmpdir(), "merlon-exposures-")), "disk");
  mkdirSync(disk);
  const options = {
    ...{ modelRepositories: [repository], grpc: false, http: { port: 0, address: "127.0.0.1" } },
    metrics: { port: 0, address: "127.0.0.1" },
    exposures: { folder: join(disk, "log"), rotateBytes: 2 ** 16, waitingBytes: 2 ** 18 },
  };
  const script = `
import { serve } from ${JSON.stringify(SERVER)};
const server = await serve({ ...${JSON.stringify(options)}, writeLog: text => process.stderr.write(text) });
process.once("SIGTERM", () => server.stop());
console.log(JSON.stringify({ ...server.ports, pid: process.pid }));
`;
  // The shell keeps the file system when the server has ended.
  const shell = `mount -t tmpfs -o size=2m none "$1" && head -c 1048576 /dev/zero > "$1/filler" || exit 9
"$2" --input-type=module -e "$3"
echo ended
read -r line`;
  const child = spawn("unshare", ["-rm", "sh", "-c", shell, "sh", disk, process.execPath, script]);
  let [out, log] = ["", ""];
  child.stdout.on("data", chunk => (out += chunk));
  child.stderr.on("data", chunk => (log += chunk));
  const exited = new Promise<number | null>(resolve => child.on("close", resolve));
  const isMounted = await Promise.race([
    exited.then(() => false),
    vi.waitFor(() => expect(out).toContain("\n"), { timeout: 30_000, interval: 20 }).then(() => true),
  ]);
  const { http, metrics, pid } = JSON.parse(isMounted ? out : "{}") as { http: number; metrics: number; pid: number };
  return {
    isMounted,
    folder: `/proc/${child.pid}/root${disk}`,
    log: () => log,
    infer: (body: unknown) =>
      fetch(`http://127.0.0.1:${http}/v2/models/logged/infer`, { method: "POST", body: JSON.stringify(body) }),
    metric: async (name: string): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      return Number(new RegExp(`^merlon_exposures_${name} (\\S+)`, "m").exec(text)![1]);
    },
    stop: async () => {
      process.kill(pid, "SIGTERM");
      await vi.waitFor(() => expect(out).toContain("ended"), { timeout: 30_000, interval: 20 });
    },
    end: () => {
      child.stdin.end("\n");
      return exited;
    },
  };
}

test("a file system without room, and with room again", { timeout: 180_000 }, async ({ skip }) => {
  const repository = await loggedRepository({ width: WIDTH, log: "{ candidates: { all: 1 } }" });
  const server = await serverOnSmallDisk(repository);
  if (!server.isMounted) skip(`no file system can be mounted in a user namespace: ${server.log()}`);
  const { folder, infer, metric, log } = server;
  let sent = 0;
  const ask = async () => {
    const ids = Array.from({ length: WIDTH }, (_, i) => idOf(sent, i));
    const response = await infer(requestOf([{ user: 1, ids, popular: [1, 2] }], { id: `r${sent++}` }));
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  };
  const count = async () =>
    (await rowsOf(`SELECT count(*)::INT AS n FROM '${folder}/log/logged/*.parquet'`))[0]!.n as number;
  try {
    await vi.waitFor(
      async () => {
        await ask();
        expect(log()).toMatch(/exposures cannot be written to '.*': .*ENOSPC/);
        expect(await metric("dropped_total")).toBeGreaterThan(0);
      },
      { timeout: 120_000, interval: 0 },
    );
    // Files that were finished before can be read.
    const finished = await count();
    expect(finished).toBeGreaterThan(0);
    expect(finished % ROWS).toBe(0);
    await ask();
    expect(await count()).toBe(finished);
    rmSync(join(folder, "filler"));
    await vi.waitFor(() => expect(log()).toMatch(/are written to '.*' again/), { timeout: 30_000, interval: 50 });
    for (let i = 0; i < 3; i++) await ask();
    const dropped = await metric("dropped_total");
    await server.stop();
    expect(readdirSync(join(folder, "log", "logged")).filter(name => !name.endsWith(".parquet"))).toEqual([]);
    expect((await count()) + dropped).toBe(sent * ROWS);
    const last = await rowsOf(
      `SELECT count(*)::INT AS n FROM '${folder}/log/logged/*.parquet' WHERE request_id = 'r${sent - 1}'`,
    );
    expect(last).toEqual([{ n: ROWS }]);
    // One line for each time that the disk was full, and not one for each attempt.
    expect(log().match(/exposures cannot be written/g)!.length).toBeLessThan(5);
  } finally {
    await server.end();
  }
});
