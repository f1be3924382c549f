/**
 * Every message between the control process and its workers: calls with one answer each, and notes without one. Both ends are of one build; the version
 * shows a mixed installation.
 */

import type { StatusCode } from "../../base/errors.js";
import type { ModelBuild } from "../../base/native-marks.js";
import type { CheckedFault } from "../faults/fault.js";
import type { ActiveFault } from "../faults/fault-set.js";
import type { Damage, Outcome } from "../models/agreement.js";
import type { IndexEntry } from "../models/model-states.js";
import type { Override } from "../models/override.js";
import type { HistoryCounts } from "../observe/request-history.js";
import type { RecentDetail, RecentRequest, RecentState } from "../observe/tracing/recent-requests.js";
import type { GivenSettings } from "../observe/tracing/settings.js";
import type { StagedStatistics } from "../requests/server-calls.js";
import type { Region } from "../requests/shared-memory.js";
import type { ArmNews } from "../scheduling/shared-arms.js";
import type { PortName, WorkerOptions } from "./worker-options.js";

export const PROTOCOL = 1;

/** A change of models: one at a time, in all workers. */
export type Change =
  | { readonly change: "load"; readonly model: string; readonly override?: Override | undefined }
  | { readonly change: "unload"; readonly model: string; readonly dependents: boolean }
  | { readonly change: "poll" };

/** A setting that all workers share: all accept it, or none. */
export type Setting =
  | { readonly setting: "log-json"; readonly given: Readonly<Record<string, unknown>> }
  | { readonly setting: "log-grpc"; readonly given: Readonly<Record<string, unknown>> }
  | {
      readonly setting: "trace";
      readonly model: string;
      readonly given: GivenSettings;
      readonly protocol: "http" | "grpc";
    }
  | { readonly setting: "register"; readonly region: Region }
  | { readonly setting: "unregister"; readonly name: string }
  | { readonly setting: "fault"; readonly id: number; readonly fault: CheckedFault }
  | { readonly setting: "no-fault"; readonly id: number | undefined };

export interface StatisticsQuestion {
  readonly model: string;
  readonly version: string;
}

/** The models of a worker, for the comparison of two. */
export interface Inventory {
  /** Ready models by key, with the mark of their files. */
  readonly ready: ReadonlyMap<string, string>;
  readonly allReady: boolean;
}

/** The versions that end the start of a worker. */
export interface NotLoaded {
  readonly failures: readonly IndexEntry[];
}

/** The functions of a worker for the control process. */
export interface WorkerCalls extends Omit<ControlCalls, "change"> {
  start(argument: WorkerStart): Inventory | NotLoaded;
  change(argument: { readonly operation: number; readonly change: Change; readonly countsWarmUps: boolean }): Inventory;
  faults(argument: undefined): readonly ActiveFault[];
  /** Refuses faults of models that no repository has. */
  checkFault(fault: CheckedFault): void;
  inventory(argument: undefined): Inventory;
  recentState(argument: undefined): RecentState | undefined;
  recentList(argument: undefined): readonly RecentRequest[];
  recentFind(id: number): RecentDetail | undefined;
  /** @param model `undefined` for all */
  recentCounts(model: string | undefined): HistoryCounts | undefined;
  /** Serves, and lets its connections end. */
  leave(argument: undefined): void;
  /** Resolves when all has ended. */
  stop(argument: { readonly patience: number }): void;
}

/** The functions of the control process for a worker and its clients. */
export interface ControlCalls {
  change(change: Change): void;
  set(setting: Setting): void;
  index(argument: undefined): readonly IndexEntry[];
  statistics(question: StatisticsQuestion): readonly StagedStatistics[];
  metrics(argument: undefined): string;
  traceSettings(model: string): Readonly<Record<string, string | readonly string[]>>;
}

export interface WorkerStart {
  /** Which worker of how many. */
  readonly index: number;
  readonly count: number;
  /** Number of the process among all that this server started. */
  readonly serial: number;
  readonly options: WorkerOptions;
  /** Whether its statistics have the warm-ups of the models at its start. */
  readonly countsWarmUps: boolean;
  /** Loads of clients that a worker in the place of another repeats. */
  readonly loads: readonly Extract<Change, { change: "load" }>[];
  /** The file of its marks. */
  readonly marks: string | undefined;
  /** Models whose native code ended a worker. */
  readonly isolated: readonly ModelBuild[];
}

/** A line of the log about models that all workers have: it is printed once. */
export interface SharedLine {
  readonly level: "info" | "warning" | "error" | "hint" | "table" | "library";
  readonly source: string;
  readonly text: string;
  /** The library of a line in a library's words. */
  readonly library?: string;
}

export type PortCounts = Readonly<Partial<Record<PortName, number>>>;

export type NoteToWorker =
  /** With the handle of a connection. `id`: no two connections of a server have the same. */
  | { readonly note: "connection"; readonly port: PortName; readonly id: number }
  /** `failed`: another worker's outcome, which this one follows. */
  | { readonly note: "verdict"; readonly operation: number; readonly key: string; readonly failed: Outcome | undefined }
  | { readonly note: "standing"; readonly ready: boolean }
  /** News of arms in other workers. */
  | { readonly note: "arms"; readonly news: readonly ArmNews[] }
  /** The native code of these models ended a worker. */
  | { readonly note: "isolated"; readonly builds: readonly ModelBuild[] }
  /** Another worker has found damage. */
  | { readonly note: "damaged"; readonly damage: Damage };

export type NoteToControl =
  | { readonly note: "hello"; readonly protocol: number }
  /** It takes connections of this port. */
  | { readonly note: "open"; readonly port: PortName }
  | { readonly note: "outcome"; readonly operation: number; readonly key: string; readonly outcome: Outcome }
  /** Ids of connections that have arrived and are read from now on, and counts of those that have closed, since the last such note. */
  | { readonly note: "connections"; readonly taken: readonly number[]; readonly closed: PortCounts }
  /** A fault of the server has hit as often as it may. */
  | { readonly note: "fault-over"; readonly id: number }
  | { readonly note: "damaged"; readonly damage: Damage }
  /** News of arms in this worker. */
  | { readonly note: "arms"; readonly news: readonly ArmNews[] }
  | { readonly note: "beat" }
  | { readonly note: "line"; readonly line: SharedLine };

export interface FaultData {
  readonly code: StatusCode;
  readonly message: string;
}

export type AnswerFrame =
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly fault: FaultData };

/** @param C what the receiver answers @param N notes to the receiver */
export type Frame<C, N> =
  | { [K in keyof C & string]: { readonly ask: number; readonly call: K; readonly argument: unknown } }[keyof C &
      string]
  | AnswerFrame
  | N;
