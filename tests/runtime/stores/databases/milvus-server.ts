/** milvus-lite on loopback for a test, with a folder of its own. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { spawnMilvus } from "../../../needs/milvus.js";

export interface TestMilvus {
  readonly port: number;
  readonly url: string;
  /** Ends it without a goodbye. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const accepts = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });

export async function startMilvus(): Promise<TestMilvus> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "merlon-milvus-"));
  let server: ChildProcess;
  let log = "";
  const start = async (): Promise<void> => {
    server = spawnMilvus(["--data-dir", folder, "--host", "127.0.0.1", "--port", String(port)]);
    server.stderr!.on("data", (chunk: Buffer) => {
      log = (log + chunk).slice(-2000);
    });
    await vi.waitFor(
      () => (server.exitCode === null ? accepts(port) : Promise.reject(new Error(`milvus-lite ended:\n${log}`))),
      { timeout: 60_000, interval: 100 },
    );
  };
  const end = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  await start();
  process.once("exit", () => server.kill("SIGKILL"));
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    kill: end,
    restart: start,
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
