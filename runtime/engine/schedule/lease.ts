/**
 * The models of one request, each in the version that was ready when the request began. The registry of models keeps the versions; a plan, or a model that calls
 * others, only passes the lease on.
 */
import type { ModelVersion } from "../../base/model-version.js";

/** A model that may be called, and its version; -1 for the latest. */
export interface ModelRef {
  readonly model: string;
  readonly version: ModelVersion;
  /** The repository, if several have a model of that name; by default the caller's. */
  readonly near?: string;
}

export interface Lease {
  /** Whether another lease has the same versions of these models, the latest ones. @param near the caller's repository */
  agrees(other: Lease, models: readonly string[], near: string | undefined): boolean;
  /** The versions may be unloaded. */
  end(): void;
}
