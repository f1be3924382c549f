/**
 * The models of one request, each in the version that was there when the request began. Who keeps the versions knows more of them; a plan, or a model that
 * calls others, only hands the lease on.
 */
import type { ModelVersion } from "../../base/model-version.js";

/** A model that may be asked, and its version; -1 for the latest. */
export interface AskedModel {
  readonly model: string;
  readonly version: ModelVersion;
  /** The repository whose model is meant where several have one of that name; by default that of the model that asks. */
  readonly near?: string;
}

export interface Lease {
  /** Whether another lease has the same versions of these models, the latest ones. @param near the repository of the model that asks them */
  agrees(other: Lease, models: readonly string[], near: string | undefined): boolean;
  /** The versions may be unloaded. */
  end(): void;
}
