/**
 * Chooses an idle worker for a request. Work waits here behind it, the other worker would run it sooner, and it costs much more than forwarding.
 */
import type { RequestTensor } from "../contract.js";
import type { PeerLink } from "./link.js";
import type { VersionLoad, WorkerLoad } from "./load.js";

/** Microseconds that forwarding a small request takes both workers. */
const FORWARD_US = 100;
/** The same for each byte of its inputs. */
const FORWARD_US_PER_BYTE = 0.002;
/** A request is worth forwarding if it costs this many times more. */
const WORTH = 5;
/** Requests with more bytes stay. */
const MAX_BYTES = 2 ** 30;
/** A busy worker still has this part of its time for others. */
const LEAST_FREE = 0.05;

export function chooseIdle(
  links: Iterable<PeerLink>,
  load: WorkerLoad,
  version: VersionLoad,
  inputs: readonly RequestTensor[],
): PeerLink | undefined {
  const { cost } = version;
  if (cost < WORTH * FORWARD_US) return undefined;
  let bytes = 0;
  for (const { data } of inputs) bytes += data.byteLength;
  const way = FORWARD_US + FORWARD_US_PER_BYTE * bytes;
  if (cost < WORTH * way || bytes > MAX_BYTES) return undefined;
  let wait = load.backlog(version);
  let best: PeerLink | undefined;
  for (const link of links) {
    if (!link.isOpen) continue;
    const theirs = (link.outstanding + way + link.load * cost) / Math.max(LEAST_FREE, 1 - link.load);
    if (theirs < wait) [best, wait] = [link, theirs];
  }
  return best;
}
