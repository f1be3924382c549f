/**
 * Loads one version of a polled model: its backend, completed and validated configuration, scheduler and statistics.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { complete, messageType } from "../../triton-protos/proto-root.js";
import type { LoadContext, LoadedModel, ServerModels } from "../backends/backend.js";
import { loadBackend } from "../backends/index.js";
import type { ResponseCache } from "../cache/local-cache.js";
import { RuntimeFault } from "../errors.js";
import type { ModelCaller } from "../plan/kernel.js";
import { createScheduler } from "../scheduling/create-scheduler.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import { createStatistics, type VersionStatistics } from "../statistics.js";
import { backendOf } from "./backend-of.js";
import { type Labels, readLabels } from "./labels.js";
import type { VersionFolder } from "./layout.js";
import { fillSchedulers } from "./normalise.js";
import type { PolledModel } from "./poll-model.js";
import { validateVersion } from "./validate.js";
import { validateStates } from "./validate-sequence.js";

/** A version that can answer requests. */
export interface ReadyVersion {
  readonly model: string;
  readonly version: number;
  readonly config: ModelConfig;
  readonly scheduler: Scheduler;
  readonly statistics: VersionStatistics;
  readonly loaded: LoadedModel;
  readonly loadSeconds: number;
  readonly labels: Labels;
}

export interface LoadOptions {
  readonly autoComplete: boolean;
  readonly models: ModelCaller;
  /** The models of this server, for backends that call them. */
  readonly server: ServerModels;
  /** Settings of backends from the command line; those of `""` hold for all. */
  readonly backendConfig?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Where models with `response_cache` keep answers. */
  readonly cache?: ResponseCache | undefined;
  drawSeed(): bigint;
}

/** @param statistics those of the version that it replaces, when they go on. @throws RuntimeFault: the reason in the repository index */
export async function loadVersion(
  polled: PolledModel,
  { version, folder }: VersionFolder,
  options: LoadOptions,
  statistics: VersionStatistics = createStatistics(),
): Promise<ReadyVersion> {
  const started = performance.now();
  const { config: written } = polled;
  const backend = await loadBackend(backendOf(written));
  if (!polled.configured && !backend.autoComplete)
    throw new RuntimeFault("NOT_FOUND", `model configuration is not provided for model '${written.name}'`);
  backend.validate?.(written);
  const settings = { ...options.backendConfig?.[""], ...options.backendConfig?.[written.backend] };
  const config =
    options.autoComplete && backend.autoComplete
      ? fillSchedulers(await backend.autoComplete(written, folder, settings))
      : written;
  validateVersion(config);
  await validateStates(config, polled.folder);
  const served = complete(messageType("inference.ModelConfig"), config) as ModelConfig;
  const context: LoadContext = {
    name: config.name,
    version,
    config: served,
    folder,
    models: options.models,
    server: options.server,
    drawSeed: options.drawSeed,
  };
  const labels = readLabels(served, polled.folder);
  const loaded = await backend.load(context);
  const ready = loaded.config ?? served;
  const scheduler = await createScheduler(ready, loaded, statistics, folder, options.cache);
  return {
    model: config.name,
    version,
    config: ready,
    scheduler,
    statistics,
    loaded,
    loadSeconds: (performance.now() - started) / 1000,
    labels,
  };
}
