/**
 * The connections that the control process accepts for this worker: a handle → a socket of the port's server.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net";
import type { PortName } from "./worker-options.js";

/** Node's handle of a socket that another process accepted. */
interface Handle {
  close(): void;
}

type Counts = Partial<Record<PortName, number>>;

export interface AdoptedConnections {
  /** @param leave see `Listener.leave` */
  open(port: PortName, server: Server, leave: () => void): void;
  take(port: PortName, handle: unknown): void;
  /** From now on answers end their connections, if the protocol allows it. */
  leave(): void;
}

/** @param report is called in the next turn with the numbers of new and of closed connections since the last call */
export function adoptConnections(report: (taken: Counts, closed: Counts) => void): AdoptedConnections {
  const servers = new Map<PortName, { readonly server: Server; readonly leave: () => void }>();
  let taken: Counts = {};
  let closed: Counts = {};
  let isPlanned = false;
  const count = (counts: Counts, port: PortName): void => {
    counts[port] = (counts[port] ?? 0) + 1;
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(() => {
      const [before, after] = [taken, closed];
      [taken, closed, isPlanned] = [{}, {}, false];
      report(before, after);
    });
  };
  return {
    open: (port, server, leave) => void servers.set(port, { server, leave }),
    take(port, handle) {
      count(taken, port);
      const open = servers.get(port);
      // Without a handle the client closed the connection on the way.
      if (!handle || !open) {
        (handle as Handle | undefined)?.close();
        count(closed, port);
        return;
      }
      const { server } = open;
      const { allowHalfOpen = false } = server as Server & { readonly allowHalfOpen?: boolean };
      const options = { handle, allowHalfOpen, readable: true, writable: true };
      const socket = new Socket(options as SocketConstructorOpts);
      socket.setNoDelay(true);
      socket.once("close", () => count(closed, port));
      server.emit("connection", socket);
    },
    leave() {
      for (const { leave } of servers.values()) leave();
    },
  };
}
