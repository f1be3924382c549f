/**
 * The connections that the control process accepts for this worker: a handle → a socket of the port's server. A connection is
 * read when the control process can see that it has arrived. The control process gives the others to another worker.
 */
import { type Server, Socket, type SocketConstructorOpts } from "node:net";
import { type ConnectionHandle, isAboveCap } from "../transport/connection-cap.js";
import type { AdoptingPort } from "../transport/listen.js";
import type { PortCounts } from "./messages.js";
import type { PortName } from "./worker-options.js";

interface Arrived {
  readonly id: number;
  readonly port: PortName;
  readonly handle: ConnectionHandle | undefined;
}

/** @param sent called when the note is in the channel: it then arrives also if this process ends */
export type Report = (taken: readonly number[], closed: PortCounts, sent: () => void) => void;

export interface AdoptedConnections {
  open(port: PortName, adopting: AdoptingPort): void;
  take(port: PortName, id: number, handle: unknown): void;
  /** From now on answers end their connections, if the protocol allows it. */
  leave(): void;
}

/** @param report is called in the next turn with the connections that arrived and that closed since the last call */
export function adoptConnections(report: Report): AdoptedConnections {
  const servers = new Map<PortName, AdoptingPort>();
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
    const isRefused = handle !== undefined && isAboveCap(handle);
    if (isRefused) open?.onFull();
    if (!handle || !open || isRefused) {
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
    open: (port, adopting) => void servers.set(port, adopting),
    take(port, id, handle) {
      arrived.push({ id, port, handle: handle as ConnectionHandle | undefined });
      plan();
    },
    leave() {
      for (const { leave } of servers.values()) leave();
    },
  };
}
