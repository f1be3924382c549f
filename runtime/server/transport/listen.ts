/**
 * Opens a server's socket: address and port → the actual port and a way to stop, or an error with the reason.
 */
import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";
import { capConnections } from "./connection-cap.js";
import type { Certificates } from "./grpc/certificates.js";

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** The certificates of a port with TLS. */
  readonly certificates?: Certificates;
  /** From now on responses make clients close their connections, if the protocol allows it; all requests are still served. */
  leave(): void;
  /**
   * Accepts the connections that wait for it and listens no more, serves what clients have written, and cuts what is left after `patience` milliseconds.
   */
  stop(patience: number): Promise<void>;
}

/** A port whose connections another process accepts. */
export interface AdoptingPort {
  readonly server: Server;
  /** As `Listener.leave`. */
  readonly leave: () => void;
  /** As `ListenAt.onFull`. */
  readonly onFull: () => void;
}

export interface ListenAt {
  readonly address: string;
  /** A number outside the range of ports is taken modulo 65,536, as sockets do for Triton; 0 takes a free one. */
  readonly port: number;
  /** Shares the port with other servers that say so; the kernel spreads connections over them. */
  readonly reuse?: boolean;
  /** Hands the server its connections, in place of a socket that listens. */
  readonly adopt?: ((port: AdoptingPort) => void) | undefined;
  /** Called for each connection that is closed because no descriptor is free. */
  readonly onFull?: () => void;
  /** Its connections may take half of the descriptors that the other ports leave free. */
  readonly isMetrics?: boolean;
}

const portOf = (number: number): number => ((number % 65_536) + 65_536) % 65_536;

/** A socket that can't be opened. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** @param hint a fix, for people @param taken whether another process has the port */
  constructor(
    message: string,
    readonly hint: string,
    readonly taken: boolean,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

type Listening = Pick<Server, "listen" | "close" | "address" | "emit"> & {
  once(event: "error", act: (error: NodeJS.ErrnoException) => void): unknown;
  off(event: "error", act: (error: NodeJS.ErrnoException) => void): unknown;
  on(event: "connection", act: (socket: Socket) => void): unknown;
  off(event: "connection", act: (socket: Socket) => void): unknown;
};

/** The backlog counts as empty after this time, and these turns of the event loop, without a connection. A turn accepts one connection at most. */
const QUIET_MS = 5;
const QUIET_TURNS = 3;
/** If clients keep connecting, the server keeps new ones out after this time. */
const MOST_OPEN_MS = 1000;

/** @param drain ends connections: idle ones at once, the rest when `patience` is over; resolves when none is left */
export function listen(
  server: Listening,
  at: ListenAt,
  drain: (patience: number) => Promise<void>,
  leave: () => void = () => {},
): Promise<Listener> {
  return at.adopt ? adopted(server, at, drain, leave) : listening(server, at, drain, leave);
}

/** A server that another process accepts for. */
async function adopted(
  server: Listening,
  { address, port, adopt, onFull = () => {} }: ListenAt,
  drain: (patience: number) => Promise<void>,
  leave: () => void,
): Promise<Listener> {
  const counted = countConnections(server);
  adopt!({ server: server as Server, leave, onFull });
  return {
    address,
    port,
    get connections() {
      return counted();
    },
    leave,
    async stop(patience) {
      await drain(Math.max(0, patience - QUIET_MS));
      // Its own timers end on this event, which a server that does not listen never emits.
      server.emit("close");
    },
  };
}

/** @returns how many are open */
function countConnections(server: Listening): () => number {
  let connections = 0;
  server.on("connection", socket => {
    connections++;
    socket.once("close", () => {
      connections--;
    });
  });
  return () => connections;
}

function listening(
  server: Listening,
  { address, port, reuse = false, onFull = () => {}, isMetrics = false }: ListenAt,
  drain: (patience: number) => Promise<void>,
  leave: () => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const taken = error.code === "EADDRINUSE";
      reject(
        new ListenError(
          taken
            ? `Socket '${address}:${port}' already in use `
            : `Socket '${address}:${port}' cannot be opened: ${error.message}`,
          taken
            ? `port ${port} at ${address} is taken: end the process that holds it, or choose another port (0 takes a free one)`
            : `${address} is not an address of this machine, or you have no permission for port ${port}`,
          taken,
          { cause: error },
        ),
      );
    };
    server.once("error", onError);
    const connections = countConnections(server);
    const options: ListenOptions & { reusePort?: boolean } = {
      port: portOf(port),
      host: address,
      ...(reuse && { reusePort: true }),
    };
    server.listen(options, () => {
      server.off("error", onError);
      capConnections(server as Server, onFull, isMetrics);
      resolve({
        address,
        port: (server.address() as AddressInfo).port,
        get connections() {
          return connections();
        },
        leave,
        async stop(patience) {
          const began = performance.now();
          // Closing the socket resets connections that were not accepted, and clients may have written to them. Accept them first.
          await backlogEmptied(server, QUIET_MS, Math.min(patience, MOST_OPEN_MS));
          // A connection that arrives between the last accept and the close is reset. A backlog of one keeps the kernel from completing more than one.
          shrinkBacklog(server);
          await backlogEmptied(server, 0, patience);
          const closed = new Promise<void>(done => server.close(() => done()));
          // A little sooner than `patience`, which bounds the whole stop of the server too: connections are cut before that ends it.
          await drain(Math.max(0, patience - (performance.now() - began) - QUIET_MS));
          await closed;
        },
      });
    });
  });
}

/** @param quietMs milliseconds without a connection @param most milliseconds after which it resolves in any case */
function backlogEmptied(server: Listening, quietMs: number, most: number): Promise<void> {
  return new Promise(resolve => {
    const began = performance.now();
    let last = began;
    let quietTurns = 0;
    const accepted = (): void => {
      last = performance.now();
      quietTurns = 0;
    };
    server.on("connection", accepted);
    const look = (): void => {
      const now = performance.now();
      const isQuiet = ++quietTurns > QUIET_TURNS && now - last >= quietMs;
      if (!isQuiet && now - began < most) {
        setImmediate(look);
        return;
      }
      server.off("connection", accepted);
      resolve();
    };
    setImmediate(look);
  });
}

/** Node's handle inside a server, which may be missing. */
interface Handle {
  listen?(backlog: number): number;
}

/** A second listen(2) changes the size of the backlog. On Linux a size of 0 holds one connection, and the kernel drops further SYNs. */
function shrinkBacklog(server: Listening): void {
  (server as { readonly _handle?: Handle })._handle?.listen?.(0);
}
