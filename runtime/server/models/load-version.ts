/**
 * Loads one version of a polled model: its backend, completed and validated configuration, scheduler and statistics.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, posix, sep } from "node:path";
import { complete } from "../../../triton-protos/complete-message.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import type { Backend, LoadContext } from "../backends/backend.js";
import { hasBackend, loadBackend, UnknownBackend } from "../backends/index.js";
import { STAND_IN } from "../backends/javascript/stand-in.js";
import { createStatistics, FIRST_RESPONSE_FAMILY, firstResponseBounds } from "../observe/statistics.js";
import { createScheduler } from "../scheduling/create-scheduler.js";
import { checkInstances } from "./check-limits.js";
import { generationOf } from "./generations.js";
import { fileInside } from "./inside-folder.js";
import { readLabels } from "./labels.js";
import type { VersionFolder } from "./layout.js";
import type { LoadOptions } from "./load-options.js";
import { fillSchedulers } from "./normalise.js";
import { withoutFolder } from "./override.js";
import type { PolledModel } from "./polled-model.js";
import type { ReadyVersion } from "./ready-version.js";
import type { Ahead } from "./swap-group.js";
import { STAND_IN_PARAMETER } from "./uploaded-code.js";
import { validateVersion } from "./validate.js";
import { UnknownKind } from "./validate-batch-io.js";
import { validateStates } from "./validate-sequence.js";
import { isCovered, verifyFiles } from "./verify-when-listed.js";
import { createRefcount } from "./version-refcount.js";

/**
 * The backend of the configuration, or the JavaScript backend if `model.mjs` replaces it. One repository thus serves both a Triton that has
 * the backend and tests that do not. @throws RuntimeFault
 */
async function backendFor({ config, code, onDisk }: PolledModel, folder: string, anywhere: boolean): Promise<Backend> {
  const mayStandIn = config.platform !== "ensemble" && config.backend !== "merlon" && code !== "none";
  const standsIn = mayStandIn && (standInOf(onDisk) || (anywhere && (await isFile(join(folder, STAND_IN)))));
  const backend = await loadBackend(standsIn ? { platform: "", backend: "javascript" } : config);
  if (backend.runsCode && code === "none")
    throw invalid(`model '${config.name}' was loaded by a request, and may run no code`);
  return backend;
}

/** True if the configuration on disk enables the replacement by the module. @throws RuntimeFault for another value */
function standInOf(onDisk: ModelConfig | undefined): boolean {
  const value = onDisk?.parameters[STAND_IN_PARAMETER]?.string_value;
  if (value === undefined || value === "") return false;
  if (value === STAND_IN) return true;
  throw invalid(
    `parameter '${STAND_IN_PARAMETER}' of model '${onDisk!.name}' is '${value}'; the one value it takes is '${STAND_IN}'`,
  );
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;

/** Triton's folder of backend libraries; ours are part of the server. */
const BACKENDS_FOLDER = "/opt/tritonserver/backends";

const libraryOf = (backend: string): string => `${BACKENDS_FOLDER}/${backend}/libtriton_${backend}.so`;

/**
 * A `runtime` must be the library of the backend, by any path from its folder.
 * @throws RuntimeFault with Triton's text. A file outside its search folder is named only within the model's folder and beside backends, so
 * that clients cannot probe for other files
 */
async function refuseRuntime(
  { name, backend, runtime, parameters }: ModelConfig,
  folder: string,
  version: string,
): Promise<void> {
  const home = `${BACKENDS_FOLDER}/${backend}`;
  const library = runtime ? posix.join(home, runtime) : libraryOf(backend);
  if (library !== libraryOf(backend)) {
    const escaped = (from: string): RuntimeFault =>
      invalid(
        `backend library name '${runtime}' escapes backend directory '${from}', for model '${name}', check model config runtime field`,
      );
    const beside = join(version, runtime);
    const isOutside = beside.startsWith(folder + sep) && !beside.startsWith(version + sep);
    if (isOutside && (await isFile(beside))) throw escaped(version);
    if (library === libraryOf(basename(dirname(library))) && hasBackend(basename(dirname(library))))
      throw escaped(home);
    throw new UnknownBackend(
      "INVALID_ARGUMENT",
      `unable to find backend library '${runtime}' for model '${name}', searched: '${version}' '${folder}' '${home}' `,
    );
  }
  if (parameters.TRITON_BATCH_STRATEGY_PATH) throw invalid("Batching library path escapes model repository.");
}

const instancesOf = ({ instance_group }: ModelConfig): number =>
  instance_group.reduce((sum, { count }) => sum + count, 0) || 1;

const batchFilledIn = ({ name, max_batch_size }: ModelConfig): string =>
  `autofilled max_batch_size to ${max_batch_size} for model '${name}' since batching is supporrted but no max_batch_size is specified in model configuration. Must specify max_batch_size to utilize autofill with a larger max batch size`;

/** Whether a completed configuration is of a graph that batches, also where the default filled in is a batch size of 0. */
const batches = ({ max_batch_size, input, output }: ModelConfig): boolean =>
  max_batch_size > 0 || [...input, ...output].every(({ dims }) => dims[0] === -1);

export interface VersionPlan {
  /** The version that it replaces where its statistics and instances go on. */
  readonly updated?: ReadyVersion | undefined;
  /** The model's repository; empty where names are unique. */
  readonly namespace: string;
  readonly ahead?: Ahead | undefined;
}

/** @throws RuntimeFault: the reason in the repository index */
export async function loadVersion(
  polled: PolledModel,
  place: VersionFolder,
  options: LoadOptions,
  { updated, namespace, ahead }: VersionPlan,
): Promise<ReadyVersion> {
  const started = performance.now();
  const { version, folder } = place;
  const { config: written } = polled;
  const statistics =
    updated?.statistics ??
    createStatistics(
      options.failures?.of({ model: written.name, namespace, version, config: written }),
      firstResponseBounds(polled.config),
    );
  const files = await verifyFiles(polled, version, {
    mayLack: options.middleware?.backend !== undefined,
    warn: text => options.log?.warning("model_lifecycle", text),
  });
  const backend = await chooseBackend(polled, folder, options);
  checkWritten(polled, folder, backend);
  const config = await completed(polled, folder, backend, options);
  warnOfMetrics(config, options);
  validateCompleted(config, backend, options);
  await validateStates(config, polled.folder);
  const served = complete("inference.ModelConfig", config);
  const notMade = (error: unknown): never => {
    for (let i = 0; i < instancesOf(served); i++)
      options.log?.error(
        "backend_model",
        `ERROR: Failed to create instance: ${withoutFolder((error as Error).message, polled.upload)}`,
      );
    throw error;
  };
  const labels = readLabels(served, polled.folder);
  backend.check?.(served);
  // A backend with settings to check looks at its files, and at devices, only when it makes an instance.
  const loading = backend.load(contextOf(served, polled, place, options, { namespace, ahead }), updated?.loaded);
  const loaded = await (backend.check ? loading.catch(notMade) : loading);
  // A version that keeps its instances shares them with the serving one.
  if (!updated && files?.isCurrent() === false) {
    await loaded.close?.();
    throw unavailable(`a build replaced '${written.name}' while it was loaded; load it again`);
  }
  const ready = loaded.config ?? served;
  const { cache, rateLimiter, log, agreement } = options;
  const warmUps = agreement?.countsWarmUps === false ? createStatistics() : statistics;
  const scheduler = await createScheduler(ready, loaded, {
    ...{ stats: statistics, folder, cache, limiter: rateLimiter, log, warmUps },
  }).catch(notMade);
  const refcount = createRefcount();
  const generation = options.place && generationOf(polled, namespace, version);
  const made: ReadyVersion = {
    model: config.name,
    namespace,
    version,
    config: ready,
    scheduler,
    statistics,
    loaded,
    loadSeconds: (performance.now() - started) / 1000,
    labels,
    files,
    refcount,
    log: options.log,
    generation,
    placement: options.place?.({
      ...{ model: config.name, namespace, version, config: ready, statistics, refcount },
      generation: generation!,
    }),
  };
  // A stranger's model gets no time before a client runs it.
  if (polled.code !== "none") await options.warmCode?.(made);
  return made;
}

/** The backend that runs the version: another one if middleware replaces it. @throws RuntimeFault */
async function chooseBackend(
  polled: PolledModel,
  folder: string,
  { middleware, standIns }: LoadOptions,
): Promise<Backend> {
  const { config } = polled;
  const choose = async (): Promise<Backend> => {
    await refuseRuntime(config, polled.folder, folder);
    return backendFor(polled, folder, standIns ?? false);
  };
  return middleware?.backend ? middleware.backend({ config, folder }, choose) : choose();
}

/** Rules of a configuration before it is completed. @throws RuntimeFault */
function checkWritten({ config, configured, folder: home }: PolledModel, folder: string, backend: Backend): void {
  if (!configured && !backend.autoComplete)
    throw new RuntimeFault("NOT_FOUND", `model configuration is not provided for model '${config.name}'`);
  const { default_model_filename: first, cc_model_filenames: byCapability } = config;
  if (first) fileInside(folder, first, "default_model_filename", home);
  for (const file of Object.values(byCapability)) fileInside(folder, file, "cc_model_filenames", home);
  checkInstances(config);
  backend.validate?.(config);
}

/** The configuration, completed by the backend from the files. @throws RuntimeFault */
async function completed(
  { config: written, code }: PolledModel,
  folder: string,
  backend: Backend,
  { autoComplete, backendConfig, log }: LoadOptions,
): Promise<ModelConfig> {
  if (!autoComplete || !backend.autoComplete) return written;
  const settings = { ...backendConfig?.[""], ...backendConfig?.[written.backend] };
  const found = await backend.autoComplete(written, folder, settings, code);
  const config = fillSchedulers(found);
  const isFilledIn = found !== written && written.backend === "onnxruntime" && written.max_batch_size === 0;
  if (isFilledIn && batches(config)) log?.warning(written.backend, batchFilledIn(config));
  return config;
}

function warnOfMetrics({ model_metrics }: ModelConfig, { log }: LoadOptions): void {
  for (const { metric_identifier } of model_metrics?.metric_control ?? [])
    if (metric_identifier && metric_identifier.family !== FIRST_RESPONSE_FAMILY)
      log?.warning(
        "metric_model_reporter",
        `Metric family '${metric_identifier.family}' in 'metric_identifier' is not a customizable metric in Triton core.`,
      );
}

/** @throws RuntimeFault */
function validateCompleted(config: ModelConfig, backend: Backend, { gpus, log }: LoadOptions): void {
  try {
    validateVersion(config, backend.anyDevice ? undefined : gpus);
    if (gpus.onCpu && !backend.anyDevice && config.instance_group.some(({ kind }) => kind === "KIND_GPU"))
      log?.hint("model_lifecycle", `the instances of '${config.name}' for GPUs run on the CPU`);
  } catch (error) {
    if (error instanceof UnknownKind)
      log?.error(
        "backend_model",
        "failed finalizing model: Internal - unexpected nullptr state in TRITONBACKEND_ModelFinalize",
      );
    throw error;
  }
}

function contextOf(
  config: ModelConfig,
  { code }: PolledModel,
  { version, folder }: VersionFolder,
  options: LoadOptions,
  { namespace, ahead }: Pick<VersionPlan, "namespace" | "ahead">,
): LoadContext {
  const { server, gpus, log, drawSeed, onGoldenDifference, clock, middleware } = options;
  return {
    name: config.name,
    namespace,
    version,
    config,
    folder,
    models: options.models(namespace, ahead),
    server,
    gpus,
    log,
    code,
    drawSeed,
    ...(onGoldenDifference && { onGoldenDifference }),
    ...(clock && { clock }),
    isTrusted: options.isTrusted ?? isCovered,
    memory: options.memory,
    exposures: options.exposures,
    arms: options.arms,
    ...(middleware?.step && { stepMiddleware: middleware.step }),
  };
}
