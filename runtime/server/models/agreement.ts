/**
 * The agreement of a server's workers before new versions of a model take their places. All of them have loaded the same files, or none publishes the versions.
 * A server of one process has none.
 */
import type { ModelVersion } from "../../base/model-version.js";
import { UNLOADED, type Versions } from "./model-states.js";
import type { PolledModel } from "./polled-model.js";
import { moved } from "./version-state.js";

/** How the load of a model's versions ended in one worker. */
export interface Outcome {
  /** Equal for workers that read the same files. */
  readonly mark: string;
  /** The lines of the answer of a load call; empty when all is well. */
  readonly faults: string;
  /** Why versions failed, by number. */
  readonly reasons: Readonly<Record<string, string>>;
  /** Whether the statistics of the versions that serve go on. */
  readonly keepsStatistics: boolean;
}

/** Files of a version that serves are not those that were written. */
export interface Damage {
  readonly key: string;
  /** Identifies the content of the version. */
  readonly generation: string;
  readonly reason: string;
}

export interface Agreement {
  /** Whether a change is under way that all workers make; models are then loaded one after the other, in the same order everywhere. */
  readonly isActive: boolean;
  /** Whether warm-ups count in the statistics of this worker: each worker runs them, and the server counts them once. */
  readonly countsWarmUps: boolean;
  /** @returns the outcome of another worker that failed, which this one follows; undefined: go on, by oneself also where this one failed */
  agree(key: string, outcome: Outcome): Promise<Outcome | undefined>;
  /** Whether the repositories stayed as they were for all workers. */
  agreeWhole(isWhole: boolean): Promise<boolean>;
  /** The other workers unload the version, too. */
  damaged(damage: Damage): void;
}

/** @param faults of this worker; empty when all is well */
export function outcomeOf(polled: PolledModel, next: Versions, faults: string, updated: number): Outcome {
  const reasons = [...next].flatMap(([version, { reason }]) => (reason ? [[String(version), reason] as const] : []));
  return {
    mark: polled.mark,
    faults,
    reasons: Object.fromEntries(reasons),
    keepsStatistics: updated > 0,
  };
}

/** The versions as they are in a worker that follows another one's failure: what it loaded itself is dropped. */
export function followed(next: Versions, { reasons }: Outcome): Map<ModelVersion, string> {
  const told = new Map<ModelVersion, string>();
  for (const [version, one] of next) {
    const reason = reasons[String(version)] ?? (one.reason || UNLOADED);
    told.set(version, reason);
    if (!one.ready) next.set(version, moved(one, "failed", { reason }));
  }
  return told;
}
