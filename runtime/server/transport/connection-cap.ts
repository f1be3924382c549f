/**
 * Closes connections that would take the last descriptors of the process, which files, models and logs need. The system gives a new descriptor the lowest free
 * number, so the number of a connection tells how many are in use, whatever uses them.
 */
import type { Server } from "node:net";
import { type Descriptors, ownDescriptors, RAISE_DESCRIPTORS } from "../../base/descriptors.js";
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

const own: Descriptors | undefined = ownDescriptors();

/** Connections of the metrics port take half of the reserve too: it is read also while others take what is left to them. */
const ofReserve = (isMetrics: boolean): number => (own ? own.reserve / (isMetrics ? 2 : 1) : 0);
/** Connections of a metrics port: the other ports keep theirs. */
export const MOST_METRICS = own ? Math.floor(own.reserve / 2) : 128;

/** Whether a connection takes a descriptor of the reserve: close it. */
export const isAboveCap = ({ fd = -1 }: ConnectionHandle, isMetrics = false): boolean =>
  own !== undefined && fd >= own.limit - ofReserve(isMetrics);

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
  return () => warn(FULL);
}

const FULL = `connections are closed: all but ${own?.reserve} of ${own?.limit} descriptors are in use, and files, models and logs keep these; ${RAISE_DESCRIPTORS}`;
