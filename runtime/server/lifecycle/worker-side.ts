/**
 * The parts of a server that differ if it is one of several workers; `workers/` implements them.
 */
import type { OpenFaults } from "../faults/open-faults.js";
import type { Agreement } from "../models/agreement.js";
import type { Registry } from "../models/registry-types.js";
import type { LogSettings, LogState } from "../observe/log-settings.js";
import type { ServerLog } from "../observe/server-log.js";
import type { RecentRequests } from "../observe/tracing/recent-requests.js";
import type { TracerOptions } from "../observe/tracing/tracer.js";
import type { ServerCalls } from "../requests/server-calls.js";
import type { SharedArms } from "../scheduling/shared-arms.js";
import type { AdoptingPort } from "../transport/listen.js";
import type { RunningServer } from "./server-options.js";

/** The server for clients of this process. */
export interface ServedCalls {
  readonly calls: ServerCalls;
  readonly logSettings: LogSettings;
  /** The metrics at this moment. */
  readonly printMetrics: () => string | Promise<string>;
}

/** The parts of this process alone. */
export interface OwnParts {
  readonly calls: ServerCalls;
  readonly logSettings: LogSettings;
  readonly printMetrics: () => string;
  readonly registry: Registry;
  readonly faults: OpenFaults | undefined;
  readonly recent: RecentRequests | undefined;
}

/** Takes the connections of a port in place of a socket that listens. */
export type Adopt = (port: keyof RunningServer["ports"], adopting: AdoptingPort) => void;

export interface WorkerSide {
  readonly agreement: Agreement;
  readonly arms: SharedArms;
  /** Its part of the numbering and of the limits of traces. */
  readonly traces: Pick<TracerOptions, "shareCount" | "firstId">;
  log(own: ServerLog, state: LogState): ServerLog;
  /** Called before models are loaded. */
  attach(own: OwnParts): ServedCalls;
  readonly adopt: Adopt;
  /** A fault has hit here as often as it may in the whole server. */
  faultOver(id: number): void;
}
