/**
 * A server of HTTP/1 connections.
 */
import { createServer, type Server, type Socket } from "node:net";
import { type MemoryBudget, unlimitedMemory } from "../../../base/memory/memory-budget.js";
import { createRelief } from "../relief.js";
import { watchStalls } from "../stalled-sockets.js";
import { Connection, type Http1Handler } from "./connection.js";
import type { Http1Limits } from "./limits.js";

export interface Http1Server {
  readonly server: Server;
  /** From now on each answer ends its connection. */
  leave(): void;
  /** Ends idle connections, lets others answer the request they have, and cuts the connections that are left after `patience` milliseconds. */
  drain(patience: number): Promise<void>;
}

/** @param budget is charged with requests that wait and responses that clients leave unread; when it is spent, such clients are cut off */
export function createHttp1Server(
  serve: Http1Handler,
  limits: Http1Limits,
  budget: MemoryBudget = unlimitedMemory(),
): Http1Server {
  const connections = new Map<Socket, Connection>();
  let isLeaving = false;
  const stalls = watchStalls(limits.stallTime);
  const relief = createRelief(budget, function* () {
    for (const { memory } of connections.values()) if (memory.bytes > 0) yield memory;
  });
  const timer = setInterval(() => {
    const now = performance.now();
    for (const connection of connections.values()) connection.look(now);
  }, limits.lookEvery).unref();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, socket => {
    // Without a listener an error of a socket would end the process.
    socket.on("error", () => {});
    socket.once("close", () => connections.delete(socket));
    const connection = new Connection(socket, serve, limits, { budget, relief });
    if (isLeaving) connection.leave();
    connections.set(socket, connection);
    stalls.add(socket);
  });
  server.maxConnections = limits.maxConnections;
  server.on("close", () => {
    clearInterval(timer);
    stalls.stop();
    relief.stop();
  });
  return {
    server,
    leave() {
      isLeaving = true;
      for (const connection of connections.values()) connection.leave();
    },
    async drain(patience) {
      const ended = [...connections.keys()].map(
        socket => new Promise<void>(done => socket.once("close", () => done())),
      );
      for (const connection of connections.values()) connection.retire();
      let cut: NodeJS.Timeout | undefined;
      const late = new Promise<void>(done => {
        cut = setTimeout(done, patience);
      });
      await Promise.race([Promise.all(ended), late]);
      clearTimeout(cut);
      for (const connection of connections.values()) connection.destroy();
    },
  };
}
