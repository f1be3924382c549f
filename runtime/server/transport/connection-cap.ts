/**
 * Closes connections that would take the last descriptors of the process, which files, models and logs need.
 */
import type { Server } from "node:net";
import { RESERVE_IS_LEFT, takesReserve } from "../../base/descriptors.js";
import { seldom } from "../observe/seldom.js";
import type { ServerLog } from "../observe/server-log.js";

/** Node's handle of a connection. Windows has no number. */
export interface ConnectionHandle {
  readonly fd?: number;
  close(): void;
}

interface ListeningHandle {
  onconnection(this: ListeningHandle, error: number, accepted: ConnectionHandle | undefined): void;
}

/** Metrics are read also while other connections take all that is left to them. */
export const isAboveCap = ({ fd = -1 }: ConnectionHandle, isMetrics = false): boolean =>
  takesReserve(fd, isMetrics ? "half" : "all");

/** @param server that listens @param onFull called for each connection that is closed */
export function capConnections(server: Server, onFull: () => void, isMetrics = false): void {
  const { _handle: handle } = server as unknown as { readonly _handle: ListeningHandle };
  const accept = handle.onconnection;
  handle.onconnection = function (error, accepted) {
    if (!accepted || !isAboveCap(accepted, isMetrics)) return accept.call(this, error, accepted);
    accepted.close();
    onFull();
  };
}

/** @returns `onFull`, which writes a line of the log now and then */
export function reportFull({ warning }: Pick<ServerLog, "warning">): () => void {
  const warn = seldom(text => warning("connections", text));
  return () => warn(`connections are closed: ${RESERVE_IS_LEFT}`);
}
