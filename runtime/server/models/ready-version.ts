/**
 * A version that can answer requests, and what is known of one.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { LoadedModel } from "../contract.js";
import type { ServerLog } from "../observe/server-log.js";
import type { VersionStatistics } from "../observe/statistics.js";
import type { Placement } from "../requests/placement.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { Labels } from "./labels.js";
import type { VerifiedFiles } from "./verify-when-listed.js";
import type { VersionRefcount } from "./version-refcount.js";

/** A version that can answer requests. */
export interface ReadyVersion {
  readonly model: string;
  /** The repository that distinguishes it from models of the same name; empty if names are unique. */
  readonly namespace: string;
  readonly version: ModelVersion;
  readonly config: ModelConfig;
  readonly scheduler: Scheduler;
  readonly statistics: VersionStatistics;
  readonly loaded: LoadedModel;
  readonly loadSeconds: number;
  readonly labels: Labels;
  /** Files of a model that `merlon build` wrote. */
  readonly files?: VerifiedFiles | undefined;
  /** Requests that keep it from being unloaded, besides those in its scheduler. */
  readonly refcount: VersionRefcount;
  /** The server's log; verbose lines of requests are written to it. */
  readonly log?: ServerLog | undefined;
  /** Names this load of the version to the other workers; undefined in a server of one process. */
  readonly generation?: string | undefined;
  /** Chooses the worker of each request, if the server has several. */
  readonly placement?: Placement | undefined;
}

export type FailedVersion = Pick<ReadyVersion, "model" | "namespace" | "version" | "config">;
