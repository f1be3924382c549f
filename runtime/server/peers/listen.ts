/**
 * The Unix socket of this worker, in a folder that only this user can enter.
 */
import { chmod, unlink } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { ServedLink, type ServedLinkOptions } from "./serve-link.js";
import { socketPath } from "./socket-folder.js";

export interface PeerListener {
  sendLoad(): void;
  sendLeaving(): void;
  /** Resolves when the other workers have closed their links, or after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/** Connections beside those of the other workers. */
const SPARE = 16;

/** @throws Error */
export async function listenToPeers(folder: string, options: ServedLinkOptions): Promise<PeerListener> {
  const path = socketPath(folder, options.self);
  const links = new Map<Socket, ServedLink>();
  let ended: (() => void) | undefined;
  const server = createServer(socket => {
    links.set(socket, new ServedLink(socket, options));
    socket.once("close", () => {
      links.delete(socket);
      if (links.size === 0) ended?.();
    });
  });
  server.maxConnections = options.count + SPARE;
  // A worker that was killed leaves its socket behind.
  await unlink(path).catch(() => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, resolve);
  });
  // Without descriptors a connection is not accepted; its worker dials again.
  server.on("error", error => options.onRefused(`could not be accepted: ${error.message}`));
  await chmod(path, 0o600);
  return {
    sendLoad() {
      for (const link of links.values()) link.sendLoad();
    },
    sendLeaving() {
      for (const link of links.values()) link.sendLeaving();
    },
    async stop(patience) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      if (links.size > 0 && patience > 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>(resolve => {
          ended = resolve;
          timer = setTimeout(resolve, patience);
        });
        clearTimeout(timer);
      }
      for (const socket of links.keys()) socket.destroy();
      await closed;
    },
  };
}
