/**
 * The options of a load.
 */

import type { Clock } from "../../base/clock.js";
import type { ModelCaller } from "../../engine/schedule/kernel.js";
import type { LoadContext } from "../backends/backend.js";
import type { ResponseCache } from "../cache/local-cache.js";
import type { FailureCounts } from "../observe/failure-counts.js";
import type { ServerLog } from "../observe/server-log.js";
import type { Place } from "../requests/placement.js";
import type { RateLimiter } from "../scheduling/rate-limiter.js";
import type { Agreement } from "./agreement.js";
import type { ModelMiddleware } from "./model-middleware.js";
import type { ReadyVersion } from "./ready-version.js";
import type { Ahead } from "./swap-group.js";

export interface LoadOptions
  extends Pick<
    LoadContext,
    "server" | "gpus" | "drawSeed" | "onGoldenDifference" | "isTrusted" | "memory" | "exposures" | "arms"
  > {
  readonly autoComplete: boolean;
  /** @param namespace of the model that calls @param ahead models that take their places together with it, and before all others are meant */
  readonly models: (namespace: string, ahead?: Ahead) => ModelCaller;
  /** Settings of backends from the command line; those of `""` hold for all. */
  readonly backendConfig?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The cache of models with `response_cache`. */
  readonly cache?: ResponseCache | undefined;
  /** Bounds instances by the resources that their groups name. */
  readonly rateLimiter?: RateLimiter | undefined;
  readonly log?: ServerLog;
  /** A `model.mjs` replaces the backend of every model that has one. */
  readonly standIns?: boolean;
  /** Middleware between the server and its models, if there is any. */
  readonly middleware?: ModelMiddleware | undefined;
  /** Counts failures that outlive a version; by default the version itself does. */
  readonly failures?: FailureCounts | undefined;
  readonly clock?: Clock | undefined;
  /** Present in a server with several workers. */
  readonly agreement?: Agreement | undefined;
  /** Warms up the code of a version before it is ready. */
  readonly warmCode?: ((version: ReadyVersion) => Promise<void>) | undefined;
  /** Decides where requests run, on a server of several workers. */
  readonly place?: Place | undefined;
  /** Resolves when no other worker needs this version any more. */
  readonly othersRelease?: ((generation: string) => Promise<void>) | undefined;
}

export interface RegistryOptions extends LoadOptions {
  readonly repositories: readonly string[];
  /** Whether several repositories may have a model of one name. */
  readonly namespacing?: boolean;
  readonly control: "none" | "poll" | "explicit";
  readonly configName?: string;
  /** Load requests may bring code, and choose it. */
  readonly allowCodeUpload?: boolean;
  readonly retries?: number;
  /** How many models load at a time at the start. */
  readonly loadsAtOnce?: number;
  readonly log: ServerLog;
}
