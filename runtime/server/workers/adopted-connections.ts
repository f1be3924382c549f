/**
 * The connections that the control process accepts for this worker: a handle → a socket of the port's server. A connection is
 * read when the control process can see that it has arrived. The control process gives the others to another worker.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net";
import type { PortCounts } from "./messages.js";
import type { PortName } from "./worker-options.js";

/** Node's handle of a socket that another process accepted. */
interface Handle {
  close(): void;
}

interface Arrived {
  readonly id: number;
  readonly port: PortName;
  readonly handle: Handle | undefined;
}

/** @param sent called when the note is in the channel: it then arrives also if this process ends */
export type Report = (taken: readonly number[], closed: PortCounts, sent: () => void) => void;

export interface AdoptedConnections {
  /** @param leave see `Listener.leave` */
  open(port: PortName, server: Server, leave: () => void): void;
  take(port: PortName, id: number, handle: unknown): void;
  /** From now on answers end their connections, if the protocol allows it. */
  leave(): void;
}

/** @param report is called in the next turn with the connections that arrived and that closed since the last call */
export function adoptConnections(report: Report): AdoptedConnections {
  const servers = new Map<PortName, { readonly server: Server; readonly leave: () => void }>();
  let arrived: Arrived[] = [];
  let closed: Partial<Record<PortName, number>> = {};
  let isPlanned = false;
  const plan = (): void => {
    if (isPlanned) return;
    isPlanned = true;
    setImmediate(() => {
      const [taken, counts] = [arrived, closed];
      [arrived, closed, isPlanned] = [[], {}, false];
      report(
        taken.map(({ id }) => id),
        counts,
        () => taken.forEach(begin),
      );
    });
  };
  const end = (port: PortName): void => {
    closed[port] = (closed[port] ?? 0) + 1;
    plan();
  };
  const begin = ({ port, handle }: Arrived): void => {
    const open = servers.get(port);
    // Without a handle the client closed the connection on the way.
    if (!handle || !open) {
      handle?.close();
      end(port);
      return;
    }
    const { server } = open;
    const { allowHalfOpen = false } = server as Server & { readonly allowHalfOpen?: boolean };
    const options = { handle, allowHalfOpen, readable: true, writable: true };
    const socket = new Socket(options as SocketConstructorOpts);
    socket.setNoDelay(true);
    socket.once("close", () => end(port));
    server.emit("connection", socket);
  };
  return {
    open: (port, server, leave) => void servers.set(port, { server, leave }),
    take(port, id, handle) {
      arrived.push({ id, port, handle: handle as Handle | undefined });
      plan();
    },
    leave() {
      for (const { leave } of servers.values()) leave();
    },
  };
}
