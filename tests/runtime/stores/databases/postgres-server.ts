/** PostgreSQL on loopback for a test, with a password and the extension `vector`. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { vi } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { initPostgres, spawnPostgres } from "../../../needs/postgres.js";

export interface TestPostgres {
  readonly port: number;
  /** With the user and the password. */
  readonly url: string;
  /** Runs statements as the owner. */
  run(text: string, values?: readonly unknown[], database?: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends all its processes without a goodbye. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const PASSWORD = "p@ss'w/rd";

export async function startPostgres(flags: readonly string[] = []): Promise<TestPostgres> {
  const port = await freePort();
  // Its own user must be able to enter the folder.
  const folder = mkdtempSync("/tmp/merlon-postgres-");
  chmodSync(folder, 0o755);
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  initPostgres(data, passwordFile);
  const settings = [
    "fsync=off",
    "shared_buffers=64MB",
    "max_connections=40",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
  ];
  const args = ["-D", data, "-p", String(port), ...settings.flatMap(s => ["-c", s]), ...flags];
  const url = `postgresql://merlon:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  const run: TestPostgres["run"] = async (text, values = [], database = "postgres") => {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "merlon", password: PASSWORD, database });
    client.on("error", () => {});
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(text, values.length > 0 ? [...values] : undefined);
      return rows;
    } finally {
      await client.end();
    }
  };
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    server = spawnPostgres(args);
    await vi.waitFor(() => run("SELECT 1"), { timeout: 60_000, interval: 100 });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  };
  await start();
  process.once("exit", () => server.kill("SIGKILL"));
  await run("CREATE EXTENSION vector");
  return {
    port,
    url,
    run,
    // An immediate shutdown ends backends as a crash does: the log is replayed at the next start.
    kill: () => end("SIGQUIT"),
    restart: start,
    stop: async () => {
      await end("SIGQUIT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
