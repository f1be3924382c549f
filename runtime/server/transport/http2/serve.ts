/**
 * A server of HTTP/2 connections, plain or TLS with ALPN.
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { MemoryBudget } from "../../../base/memory/memory-budget.js";
import { createRelief } from "../relief.js";
import { watchStalls } from "../stalled-sockets.js";
import { Connection, type Http2Connection } from "./connection.js";
import type { Http2Limits } from "./limits.js";
import type { Http2Handler } from "./streams.js";

export interface Http2ServerOptions<Call> {
  readonly handler: Http2Handler<Call>;
  readonly limits: Http2Limits;
  readonly tls?: TlsOptions | undefined;
  /** Is charged with bytes that wait for clients. */
  readonly budget?: MemoryBudget;
  /** Called for a connection before its first stream. */
  connected(connection: Http2Connection): void;
  /** A handshake that failed. */
  refused?(fault: Error): void;
}

export interface Http2Server {
  readonly server: Server;
  /**
   * Lets streams end that are open, and cuts the connections that are left after `patience` milliseconds.
   * @param late new streams are accepted until each client has received the GOAWAY
   */
  drain(patience: number, late?: boolean): Promise<void>;
}

/** Milliseconds of a handshake while the server stops: as many as a client has for its first request. */
const LAST_HANDSHAKE_MS = 1000;

/** The connection below one of TLS. */
const rawOf = (socket: TLSSocket): Socket => (socket as unknown as { readonly _parent: Socket })._parent;

export function createHttp2Server<Call>(options: Http2ServerOptions<Call>): Http2Server {
  const { handler, limits, tls, connected, refused, budget = new MemoryBudget() } = options;
  const sockets = new Set<Socket>();
  const connections = new Set<Http2Connection>();
  const stalls = watchStalls(limits.stallTime, () => {
    for (const connection of connections) connection.lookForStalls();
  });
  const relief = createRelief(budget, function* () {
    for (const connection of connections) yield* connection.unread();
  });
  const memory = { budget, relief };
  let draining: boolean | "late" = false;
  const handshakes = new Map<Socket, NodeJS.Timeout>();
  const endHandshake = (socket: Socket): void => {
    clearTimeout(handshakes.get(socket));
    handshakes.delete(socket);
  };
  /** Node's own limit begins anew with each byte of the client. */
  const limitHandshake = (socket: Socket): void => {
    clearTimeout(handshakes.get(socket));
    const time = draining ? Math.min(limits.greetingTime, LAST_HANDSHAKE_MS) : limits.greetingTime;
    handshakes.set(socket, setTimeout(() => socket.destroy(), time).unref());
  };
  const open = (socket: Socket): void => {
    if (socket.destroyed) return;
    const connection = new Connection(socket, handler, limits, memory);
    connections.add(connection);
    connection.watch({ closed: () => connections.delete(connection) });
    stalls.add(socket);
    connected(connection);
    if (draining === "late") connection.retire();
    else if (draining) connection.drain();
  };
  const server: Server = tls
    ? createTlsServer({ ...tls, noDelay: true, ALPNProtocols: ["h2"] })
    : createServer({ noDelay: true }, open);
  if (tls) {
    server.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", () => {});
      endHandshake(rawOf(socket));
      if (socket.alpnProtocol === "h2") open(socket);
      else socket.destroy();
    });
    // Node leaves it open.
    server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      refused?.(error);
      socket.destroy();
    });
  }
  server.on("connection", (socket: Socket) => {
    // Without a listener an error of a socket that is only half open would end the process.
    socket.on("error", () => {});
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (!tls) return;
    limitHandshake(socket);
    socket.once("close", () => endHandshake(socket));
  });
  server.on("close", () => {
    stalls.stop();
    relief.stop();
  });
  return {
    server,
    async drain(patience, late = false) {
      // A handshake of TLS may end only now.
      draining = late ? "late" : true;
      for (const socket of handshakes.keys()) limitHandshake(socket);
      const ended = Promise.all(
        [...sockets].map(socket => new Promise<void>(done => socket.once("close", () => done()))),
      );
      for (const connection of connections)
        if (late) connection.retire();
        else connection.drain();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, patience);
      await ended;
      clearTimeout(timer);
    },
  };
}
