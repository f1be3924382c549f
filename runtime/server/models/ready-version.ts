/**
 * A version that can answer requests, and what is known of one.
 */
import type { LoadedModel } from "../contract.js";
import type { ServerLog } from "../observe/server-log.js";
import type { PlacedVersion, Placement } from "../requests/placement.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { Labels } from "./labels.js";
import type { VerifiedFiles } from "./verify-when-listed.js";

/** A version that can answer requests. */
export interface ReadyVersion extends Omit<PlacedVersion, "generation"> {
  readonly scheduler: Scheduler;
  readonly loaded: LoadedModel;
  readonly loadSeconds: number;
  readonly labels: Labels;
  /** Files of a model that `merlon build` wrote. */
  readonly files?: VerifiedFiles | undefined;
  /** The server's log; verbose lines of requests are written to it. */
  readonly log?: ServerLog | undefined;
  /** Names this load of the version to the other workers; undefined in a server of one process. */
  readonly generation?: string | undefined;
  /** Chooses the worker of each request, if the server has several. */
  readonly placement?: Placement | undefined;
}

export type FailedVersion = Pick<ReadyVersion, "model" | "namespace" | "version" | "config">;
