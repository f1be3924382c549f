/**
 * Servers that are workers of one: several in this process, each with its own models, linked by Unix sockets as processes would be.
 */
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "#runtime/server/index.js";
import type { PeerOptions } from "#runtime/server/peers/options.js";
import { type Options, startServer } from "../support.js";

export const TOKEN = "a token of the tests, 32 letters.";

/** A folder for sockets: of a short path, which those have to have. */
export function socketFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "p-"));
  chmodSync(folder, 0o700);
  return folder;
}

export type Worker = Awaited<ReturnType<typeof startServer>>;

/** @param options of each worker */
export async function startLinked(
  repository: string,
  count: number,
  options: Options = {},
  peers: Partial<PeerOptions> = {},
): Promise<readonly Worker[]> {
  const folder = socketFolder();
  const workers = await Promise.all(
    Array.from({ length: count }, (_, self) =>
      startServer(repository, { ...options, peers: { self, count, folder, token: TOKEN, ...peers } }),
    ),
  );
  await Promise.all(workers.map(worker => worker.peers!.whole()));
  return workers;
}

export const stopAll = async (workers: readonly Pick<Worker, "stop">[]): Promise<void> => {
  await Promise.all(workers.map(worker => worker.stop()));
};

/** The options of a command line, as a worker that forwards every request to another, which runs them all. */
export async function startForwarding(options: Parameters<typeof serve>[0]) {
  const folder = socketFolder();
  const peers = { count: 2, folder, token: TOKEN };
  const off = { port: 0, address: "127.0.0.1" };
  const behind = await serve({
    ...{ ...options, http: off, grpc: off, metrics: false },
    writeLog: () => {},
    peers: { ...peers, self: 1, balance: "off" },
  });
  const front = await serve({ ...options, writeLog: () => {}, peers: { ...peers, self: 0, balance: "always" } });
  await Promise.all([front.peers!.whole(), behind.peers!.whole()]);
  return {
    front,
    behind,
    async stop() {
      await Promise.all([front.stop(), behind.stop()]);
    },
  };
}
