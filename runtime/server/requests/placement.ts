/**
 * Decides whether a request runs here or at another worker of the server. A server of one process has no placement.
 */

import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { InferRequest, InferResponse } from "../contract.js";
import type { VersionRefcount } from "../models/version-refcount.js";
import type { VersionStatistics } from "../observe/statistics.js";
import type { ValidRequest } from "./validate.js";

/** Answers of a decoupled model, in order. */
export type AnswerSink = (answer: InferResponse | RuntimeFault) => void;

export interface Placement {
  /** Requests share a state, so each may have to run elsewhere: nothing runs synchronously. */
  readonly isHomed: boolean;
  /**
   * Runs a request where it belongs.
   * @param sink takes responses as they are made; the last one may be the result
   * @param here runs it in this process
   * @throws RuntimeFault
   */
  execute(
    request: InferRequest,
    valid: ValidRequest,
    sink: AnswerSink | undefined,
    here: () => Promise<InferResponse | undefined>,
  ): Promise<InferResponse | undefined>;
}

/** A version that is about to be ready. */
export interface PlacedVersion {
  readonly model: string;
  /** The repository that distinguishes it from models of the same name; empty if names are unique. */
  readonly namespace: string;
  readonly version: ModelVersion;
  readonly config: ModelConfig;
  readonly statistics: VersionStatistics;
  /** Requests that keep it from being unloaded, besides those in its scheduler. */
  readonly refcount: VersionRefcount;
  readonly generation: string;
}

export type Place = (version: PlacedVersion) => Placement;
