/**
 * Chooses the worker that runs a request. A request that shares a state or a limit with others runs at its home. If this worker is busy, an
 * expensive request runs at an idle one. All others run here.
 */
import { requestBegins, requestEnds } from "../../base/in-flight.js";
import type { InferRequest, InferResponse } from "../contract.js";
import { VersionLease } from "../models/lease.js";
import type { AnswerSink, PlacedVersion, Placement } from "../requests/placement.js";
import { chooseIdle } from "./balance.js";
import type { ForwardedRequest } from "./codec.js";
import { ABSENT } from "./forwarded.js";
import { type HomeFacts, homeKeyOf, homeOf } from "./homes.js";
import type { PeerLink } from "./link.js";
import { notAtHome } from "./link-faults.js";
import type { VersionLoad, WorkerLoad } from "./load.js";
import type { PeerCounts, PeerOptions } from "./options.js";
import type { Overlap } from "./overlap.js";

/** The shared part of the placements of all versions. */
export interface Workers {
  readonly self: number;
  readonly links: ReadonlyMap<number, PeerLink>;
  /** Numbers of the workers that can run requests, this one among them. */
  live: readonly number[];
  readonly load: WorkerLoad;
  readonly overlap: Overlap;
  readonly balance: NonNullable<PeerOptions["balance"]>;
  readonly counts: { -readonly [K in keyof PeerCounts]: number };
}

export function placementOf(version: PlacedVersion, facts: HomeFacts, workers: Workers): Placement {
  const { self, links, load, overlap, counts } = workers;
  const keyOf = homeKeyOf(version, facts);
  const own = load.open(version.statistics, version.config.platform === "ensemble");
  const homeLink = (key: number): PeerLink | undefined => {
    const home = homeOf(key, workers.live);
    return home === self ? undefined : links.get(home);
  };
  const idleLink = ({ inputs }: InferRequest): PeerLink | undefined => {
    // A fault that is over at its home is there a moment longer at the other workers: it would hit once more.
    if (workers.balance === "auto") {
      const link = facts.countsFaults ? undefined : chooseIdle(links.values(), load, own, inputs);
      return link && overlap.mayForward() ? link : undefined;
    }
    return workers.balance === "always" ? [...links.values()].find(({ isOpen }) => isOpen) : undefined;
  };
  const forward = async (link: PeerLink, request: InferRequest, sink: AnswerSink | undefined, cost: number) => {
    requestBegins();
    // The other worker keeps its version as long as this one needs it.
    version.refcount.retain();
    try {
      const result = await link.forward(wireForm(version, request, sink !== undefined), request, sink, cost);
      if (result !== ABSENT) request.memory?.release();
      return result;
    } finally {
      version.refcount.release();
      requestEnds();
    }
  };
  return {
    isHomed: keyOf !== undefined,
    async execute(request, valid, sink, here) {
      if (request.isForwarded) return runHere(load, own, here, true);
      const key = keyOf?.(request, valid);
      if (key !== undefined) {
        const link = homeLink(key);
        if (!link) return runHere(load, own, here, false);
        counts.homed++;
        const result = await forward(link, request, sink, own.cost);
        if (result === ABSENT) throw notAtHome(version, link.index);
        return result;
      }
      // A request of an ensemble or a plan stays with it: so do the versions that it uses.
      if (request.lease) return runHere(load, own, here, false);
      overlap.begins();
      try {
        const link = idleLink(request);
        if (!link) return await runHere(load, own, here, false);
        counts.balanced++;
        const result = await forward(link, request, sink, own.cost);
        return result === ABSENT ? await runHere(load, own, here, false) : result;
      } finally {
        overlap.ends();
      }
    },
  };
}

async function runHere(
  load: WorkerLoad,
  version: VersionLoad,
  here: () => Promise<InferResponse | undefined>,
  received: boolean,
): Promise<InferResponse | undefined> {
  load.begins(version);
  try {
    return await here();
  } finally {
    load.ends(version, received);
  }
}

function wireForm(
  { generation }: PlacedVersion,
  { id, parameters, inputs, outputs, headers, trace, lease }: InferRequest,
  many: boolean,
): ForwardedRequest {
  return {
    ...{ generation, many, id, parameters, inputs, outputs },
    pins: lease ? VersionLease.of(lease).pins() : [],
    ...(headers && { headers }),
    ...(trace && { traced: { levels: trace.levels, traceparent: trace.traceparent } }),
  };
}
