/**
 * The contract of a backend: loads a model version once; `LoadedModel` then executes batches of requests.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Clock } from "../../base/clock.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { ModelCaller, PrepareContext } from "../../engine/schedule/kernel.js";
import type { StepMiddleware } from "../../engine/schedule/step-middleware.js";
import type { LoadedModel, ServerModels } from "../contract.js";
import type { ExposureLog } from "../exposures/exposure-log.js";
import type { Gpus } from "../models/gpus.js";
import type { CodeRule } from "../models/uploaded-code.js";
import type { ServerLog } from "../observe/server-log.js";
import type { SharedArms } from "../scheduling/shared-arms.js";

export interface LoadContext {
  readonly name: string;
  /** The model's repository, where several may have one of its name. */
  readonly namespace?: string;
  readonly version: ModelVersion;
  readonly config: ModelConfig;
  /** The version directory: `model-repo/recommend/1`. */
  readonly folder: string;
  readonly models: ModelCaller;
  /** The models of this server, for backends that call them. */
  readonly server: ServerModels;
  readonly gpus: Gpus;
  readonly log?: Pick<ServerLog, "info" | "warning" | "verbose"> | undefined;
  /** Draws the seed of a request that names none (`--seed` makes the sequence repeatable). */
  drawSeed(): bigint;
  readonly onGoldenDifference?: PrepareContext["onGoldenDifference"];
  /** Files that native code may open at once. Default: those that a manifest of `merlon build` lists. */
  readonly isTrusted?: PrepareContext["isTrusted"];
  readonly memory?: PrepareContext["memory"];
  /** The machine's where it is left out. */
  readonly clock?: Clock;
  /** The code of the model's folder that it may run. @default "all" */
  readonly code?: CodeRule;
  /** Writes what ensembles with a `log` show; undefined on a server without `--exposures`. */
  readonly exposures?: ExposureLog | undefined;
  /** Shares the outcomes of a model's arms; undefined on a server of one worker. */
  readonly arms?: SharedArms | undefined;
  /** Wraps the steps of a plan. */
  readonly stepMiddleware?: StepMiddleware;
}

export interface Backend {
  /** It runs code of the model's folder, which a load request may not bring. */
  readonly runsCode?: true;
  /** Its models run on no device, so an instance group may name any. */
  readonly anyDevice?: true;
  /** Models of the same repository that must be ready before this one loads (a plan's ONNX models). */
  dependencies?(folder: string, config: ModelConfig): Promise<readonly string[]>;
  /** Completes the configuration from the model file (`max_batch_size`, inputs, outputs). */
  autoComplete?(
    config: ModelConfig,
    folder: string,
    settings?: Readonly<Record<string, string>>,
    code?: CodeRule,
  ): Promise<ModelConfig>;
  /** Rules of the backend's own, before the general ones. @throws RuntimeFault */
  validate?(config: ModelConfig): void;
  /** Settings of the whole model, before an instance is made; `load` then reports its faults for each instance. @throws RuntimeFault */
  check?(config: ModelConfig): void;
  /**
   * @param before the serving version, if only the number of instances and the choice of versions have changed. Its instances may be
   * reused; it is closed after the load
   * @throws RuntimeFault: the reason in the repository index
   */
  load(context: LoadContext, before?: LoadedModel): Promise<LoadedModel>;
}
