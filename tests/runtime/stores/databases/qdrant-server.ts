/** Qdrant's local mode on loopback for a test, with a folder of its own. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "#conformance/free-ports.js";
import { spawnQdrant } from "../../../needs/qdrant.js";

export interface TestQdrant {
  readonly port: number;
  readonly url: string;
  /** Ends it without a goodbye. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @param key that calls must have */
export async function startQdrant(key?: string): Promise<TestQdrant> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "merlon-qdrant-"));
  const flags = [join(import.meta.dirname, "qdrant-server.py"), folder, String(port), ...(key ? [key] : [])];
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    server = spawnQdrant(flags);
    let log = "";
    server.stderr!.on("data", (chunk: Buffer) => {
      log = (log + chunk).slice(-2000);
    });
    await new Promise<void>((resolve, reject) => {
      server.stdout!.once("data", () => resolve());
      server.once("exit", code => reject(new Error(`the server ended with ${code}:\n${log}`)));
    });
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
