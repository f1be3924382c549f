/**
 * One server: options → models loaded, ports open, and a way to stop. Nothing is global: a process may run several.
 */

import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { removeAbandonedFolders } from "../../../contract/files/temporary-folder.js";
import { RuntimeFault, STATUS } from "../../base/errors.js";
import { inBackground, watchFaults } from "../../base/in-background.js";
import { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { Mocked } from "../backends/mock/mock-missing.js";
import { chooseCache } from "../cache/choose-cache.js";
import type { ResponseCache } from "../cache/local-cache.js";
import { type OpenFaults, openFaults } from "../faults/open-faults.js";
import { createMemoryReturner, type MemoryReturner, shareFiles } from "../memory/allocator.js";
import { findGpus, findGpusOrCpu } from "../models/gpus.js";
import type { RegistryOptions } from "../models/load-options.js";
import { layered, type ModelMiddleware } from "../models/model-middleware.js";
import { createRegistry } from "../models/registry.js";
import type { Registry } from "../models/registry-types.js";
import { createFailureCounts, type FailureCounts } from "../observe/failure-counts.js";
import { logWriter } from "../observe/log-file.js";
import { createLogSettings } from "../observe/log-settings.js";
import { createLog, type ServerLog } from "../observe/server-log.js";
import { createRecentRequests } from "../observe/tracing/recent-requests.js";
import { createTracer, type Tracer } from "../observe/tracing/tracer.js";
import type { Peers } from "../peers/open-peers.js";
import type { PeerOptions } from "../peers/options.js";
import type { Replay } from "../recordings/replay.js";
import { createSeeds } from "../requests/seeds.js";
import { createCalls, type ServerState } from "../requests/server-calls.js";
import { modelCaller, serverModels } from "../requests/server-models.js";
import { createRateLimiter } from "../scheduling/rate-limiter.js";
import { createPorts, type Ports } from "./open-ports.js";
import { createServerMetrics } from "./port-services.js";
import { type OpenOptions, type RunningServer, type ServeOptions, withDefaults } from "./server-options.js";
import { agentsTable, backendsTable, modelsTable, optionsTable } from "./start-up-tables.js";
import { stopModels } from "./stop-models.js";
import type { WorkerSide } from "./worker-side.js";

/**
 * Loads the repositories and opens the ports, which is later unless `opensEarly` says otherwise.
 * @throws Error when a repository is missing, a model fails with `exitOnError`, or a port is taken; nothing is left running then
 */
export async function serve(given: ServeOptions): Promise<RunningServer> {
  if (given.workers === undefined || given.workers === 1) return serveHere(given);
  const { serveWithWorkers } = await import("../workers/serve-with-workers.js");
  return serveWithWorkers(given, serveHere);
}

/** A server in this process alone. @param worker of a server with several: what it shares with the others */
export async function serveHere(given: ServeOptions, worker?: WorkerSide): Promise<RunningServer> {
  const { options, replay } = await resolveOptions(given);
  const logState = { ...options.log };
  const own = createLog(logState, options.writeLog);
  const log = worker?.log(own, logState) ?? own;
  shareFiles(worker !== undefined);
  const relief: Relief = {};
  const budget = new MemoryBudget(options.memoryLimit, {
    ratio: options.requestMemoryRatio,
    onPressure: () => {
      relief.cache?.shrink();
      relief.returner?.relieve();
    },
  });
  const { cache, failed } = await requireGood(options, log, budget);
  relief.cache = cache;
  const faults = await openFaults(options);
  const unwatch = watchFaults((fault, doing) => log.error("main", `${doing} failed: ${fault.stack ?? fault.message}`));
  const mocked: MockedByName = new Map();
  const middleware = await layersOf(options, faults, replay, log, mocked);
  const failures = createFailureCounts();
  const peers = options.peers && (await peersOf(options.peers, options, { budget, log, cache }));
  const registry = createModels(failed ? { ...options, modelRepositories: [] } : options, {
    ...{ log, cache, failures, middleware },
    ...(worker && { agreement: worker.agreement }),
    ...(peers && { place: peers.place }),
    memory: budget,
  });
  return start({
    ...{ given, options, logState, log, relief, budget, failed, faults },
    ...{ replay, unwatch, failures, registry, mocked, worker, peers },
  });
}

/** Memory to free under memory pressure. */
interface Relief {
  cache?: ResponseCache | undefined;
  returner?: MemoryReturner;
}

/** A server whose models are not loaded yet. */
interface ServerParts {
  readonly given: ServeOptions;
  readonly options: OpenOptions;
  readonly logState: OpenOptions["log"];
  readonly log: ServerLog;
  readonly relief: Relief;
  readonly budget: MemoryBudget;
  /** It stays though it cannot load anything. */
  readonly failed: boolean;
  readonly faults: OpenFaults | undefined;
  readonly replay: Replay | undefined;
  readonly unwatch: () => void;
  readonly failures: FailureCounts;
  readonly registry: Registry;
  readonly mocked: MockedByName;
  readonly worker: WorkerSide | undefined;
  readonly peers: Peers | undefined;
}

/** Models and stages that mocks replace, by `MODEL` or `MODEL/STAGE`. */
type MockedByName = Map<string, Mocked>;

/** Loads the models, opens the ports, and polls the repositories if requested. @throws Error, after all that is undone */
async function start(parts: ServerParts): Promise<RunningServer> {
  const { given, options, log, logState, relief, budget, failed, faults, failures, registry, mocked } = parts;
  const { worker, peers } = parts;
  let state: ServerState = failed ? "failed" : "loading";
  const isKnown = (model: string): boolean => registry.ready().some(version => version.model === model);
  const tracer = options.trace && createTracer({ ...options.trace, ...worker?.traces }, isKnown, log);
  const recent = options.recentRequests && createRecentRequests(options.recentRequests);
  const control = options.modelControlMode;
  const own = createCalls(registry, { ...options, control }, () => state, tracer, recent);
  const ownLog = createLogSettings(logState, given.logFile);
  const metrics = createServerMetrics(options, budget, failures);
  const printMetrics = (): string => metrics.print(registry.ready(), registry.failed());
  const local = { calls: own, logSettings: ownLog, printMetrics };
  const shared = worker?.attach({ ...local, registry, faults }) ?? local;
  const endpoints = createPorts(options, { ...shared, registry, log, budget }, worker?.adopt);
  const closing = (patience: number): Promise<void> => closeModels(parts, tracer, patience);
  let polling: Polling | undefined;
  try {
    if (!failed) {
      if (options.opensEarly) await endpoints.openEarly();
      await loadFirst(registry, options, log, relief.cache !== undefined);
      if (mocked.size > 0) log.info("mock", `mocks stand in for ${[...mocked.keys()].join(", ")}`);
      await peers?.start(registry);
      state = "serving";
    }
    options.onLoaded();
    if (!failed && !worker && control === "poll") polling = startPolling(registry, options.repositoryPollSeconds, log);
    if (!worker) log.hint("memory", limitLine(options.memoryLimit));
    await endpoints.open();
    const faultAdmin = await faults?.listen(log, !worker);
    if (options.returnMemory) relief.returner = createMemoryReturner({ budget, log });
    // Libraries that read models leave freed blocks behind.
    relief.returner?.relieve();
    // Beside the first requests: leftovers of servers that were killed.
    inBackground(removeAbandonedFolders(), "removing what killed servers left");
    let stopped: Promise<void> | undefined;
    return {
      ports: { ...endpoints.opened, ...(faultAdmin !== undefined && { faultAdmin }) },
      ...(recent && { recent }),
      ...(peers && { peers: peers.state }),
      get mocked() {
        return [...mocked.values()];
      },
      stop: () => {
        state = "stopping";
        stopped ??= stop(parts, endpoints, polling, closing);
        return stopped;
      },
    };
  } catch (error) {
    await endpoints.stop(0);
    await peers?.stop(0);
    await polling?.stop();
    // Triton ends without unloading, so nothing is said of it.
    logState.info = false;
    await closing(0);
    throw error;
  }
}

/** @throws RuntimeFault when requests or models do not end in time */
async function stop(
  { options, log, relief, faults, peers }: ServerParts,
  endpoints: Ports,
  polling: Polling | undefined,
  closing: (patience: number) => Promise<void>,
): Promise<void> {
  const polled = polling?.stop();
  peers?.leave();
  if (options.drainDelaySeconds > 0) {
    endpoints.leave();
    await delay(options.drainDelaySeconds * 1000);
  }
  relief.returner?.stop();
  await faults?.close();
  const patience = options.exitTimeoutSeconds * 1000;
  const end = performance.now() + patience;
  const ended = endpoints
    .stop(patience)
    .then(() => peers?.stop(end - performance.now()))
    .then(() => polled);
  await within(
    ended.then(() => closing(end - performance.now())),
    patience,
  ).catch(error => {
    log.error("main", `failed to stop server: Internal - ${(error as Error).message}`);
    throw error;
  });
}

/** @param patience milliseconds for it */
async function closeModels(
  { registry, log, replay, unwatch }: ServerParts,
  tracer: Tracer | undefined,
  patience: number,
): Promise<void> {
  await stopModels(registry, patience, log);
  await tracer?.stop();
  await replay?.remove();
  unwatch();
}

/** The options with their defaults; where a cassette is replayed without a repository, with one that is written for it. */
async function resolveOptions(
  given: ServeOptions,
): Promise<{ readonly options: OpenOptions; readonly replay: Replay | undefined }> {
  const replay = given.replay && (await (await import("../recordings/replay.js")).openReplay(given.replay));
  const recorded = replay && given.modelRepositories.length === 0 ? await replay.writeRepository() : undefined;
  const options = withDefaults({
    ...given,
    ...(given.logFile && { writeLog: logWriter(given.logFile, given.hints ?? false, given.writeLog) }),
    ...(recorded !== undefined && { modelRepositories: [recorded] }),
  });
  return { options, replay };
}

/** All middleware between the server and its models, as one layer; the first is the outermost. */
async function layersOf(
  options: OpenOptions,
  faults: OpenFaults | undefined,
  replay: Replay | undefined,
  log: ServerLog,
  mocked: MockedByName,
): Promise<ModelMiddleware | undefined> {
  const layers = [
    ...(faults ? [faults.middleware] : []),
    ...options.middleware,
    ...(replay ? [replay.middleware] : []),
    ...(options.mockMissing ? [await mocks(log, mocked)] : []),
  ];
  return layers.length > 0 ? layered(layers) : undefined;
}

/** The links to the other workers: a server of one process needs none of their code. */
async function peersOf(
  peers: PeerOptions,
  { rateLimit, replay }: OpenOptions,
  { budget, log, cache }: { budget: MemoryBudget; log: ServerLog; cache: ResponseCache | undefined },
): Promise<Peers> {
  const { openPeers } = await import("../peers/open-peers.js");
  return openPeers(peers, {
    budget,
    facts: { limitsRate: rateLimit, caches: cache !== undefined, replays: replay !== undefined },
    log: text => log.warning("peers", text),
  });
}

function createModels(
  options: OpenOptions,
  given: Pick<RegistryOptions, "log" | "cache" | "failures" | "middleware" | "memory" | "agreement" | "place">,
): Registry {
  const models: Registry = createRegistry({
    repositories: options.modelRepositories,
    namespacing: options.modelNamespacing,
    control: options.modelControlMode,
    autoComplete: !options.disableAutoComplete,
    configName: options.modelConfigName,
    allowCodeUpload: options.allowModelCodeUpload,
    standIns: options.mockStandIns,
    retries: options.modelLoadRetries,
    loadsAtOnce: options.modelLoadThreads,
    backendConfig: options.backendConfig,
    gpus: (options.mockMissing ? findGpusOrCpu : findGpus)(options.gpu),
    rateLimiter: options.rateLimit ? createRateLimiter(options.rateLimitResources) : undefined,
    models: (namespace, ahead) => modelCaller(() => registry, namespace, ahead),
    server: serverModels(() => registry),
    ...given,
    clock: options.clock,
    drawSeed: createSeeds(options.seed),
    onGoldenDifference: onGoldenDifference(options, given.log),
  });
  const registry = given.middleware?.registry?.(models) ?? models;
  return registry;
}

const onGoldenDifference = (
  { verifyWorkflows }: OpenOptions,
  log: ServerLog,
): RegistryOptions["onGoldenDifference"] => {
  if (verifyWorkflows === "off") return "skip";
  return verifyWorkflows === "refuse" ? "refuse" : message => log.warning("merlon", message);
};

const limitLine = (bytes: number): string =>
  Number.isFinite(bytes)
    ? `requests, responses and caches may hold ${Math.floor((0.9 * bytes) / 2 ** 20)} MiB: 90 % of --memory-limit, ${Math.floor(bytes / 2 ** 20)} MiB`
    : "the memory that requests, responses and caches may hold is not limited: set --memory-limit";

async function mocks(log: ServerLog, mocked: MockedByName): Promise<ModelMiddleware> {
  const { mockedName, mockMissing } = await import("../backends/mock/mock-missing.js");
  const layer = mockMissing(one => {
    const name = mockedName(one);
    mocked.set(name, one);
    log.warning("mock", `a mock stands in for ${one.stage === undefined ? "model" : "stage"} '${name}': ${one.reason}`);
  });
  return {
    ...layer,
    // A model that is loaded again may have its files by now.
    async backend(place, choose) {
      for (const [name, { model }] of mocked) if (model === place.config.name) mocked.delete(name);
      return layer.backend!(place, choose);
    },
  };
}

/**
 * Checks the options before anything is loaded.
 * @returns `failed` where the server is to stay nevertheless
 * @throws RuntimeFault, after the options are in the log
 */
async function requireGood(
  options: OpenOptions,
  log: ServerLog,
  budget: MemoryBudget,
): Promise<{ readonly cache?: ResponseCache | undefined; readonly failed: boolean }> {
  try {
    await requireRepositories(options.modelRepositories);
    return {
      cache: chooseCache(options.cacheConfig, options.cacheSize, { searched: options.cacheDirectory, log, budget }),
      failed: false,
    };
  } catch (error) {
    printOptions(options, log, false);
    if (!options.exitOnError) {
      const { code, message } = RuntimeFault.from(error);
      log.error("tritonserver", `${STATUS[code].label}: ${message}`);
      return { failed: true };
    }
    log.info("server", "No server context available. Exiting immediately.");
    throw error;
  }
}

/** @throws RuntimeFault when a model fails and that is to end the server */
async function loadFirst(registry: Registry, options: OpenOptions, log: ServerLog, cached: boolean): Promise<void> {
  const explicit = options.modelControlMode === "explicit";
  const all = !explicit || options.loadModels.includes("*");
  const mixed = explicit && all && options.loadModels.length > 1;
  const good = mixed
    ? false
    : all || options.loadModels.length > 0
      ? await registry.start(all ? [] : options.loadModels)
      : true;
  const entries = await registry.index();
  log.table("server", agentsTable());
  log.table("server", backendsTable(registry.backends(), options));
  log.table("server", modelsTable(entries, registry.empty()));
  printOptions(options, log, cached);
  if (good) return;
  if (!mixed && !options.exitOnError) return log.error("tritonserver", "Internal: failed to load all models");
  await stopModels(registry, options.exitTimeoutSeconds * 1000, log);
  if (!mixed) throw new RuntimeFault("INTERNAL", "failed to load all models");
  throw new RuntimeFault(
    "INVALID_ARGUMENT",
    "Wildcard model name '*' must be the ONLY startup model if specified at all.",
  );
}

function printOptions(options: OpenOptions, log: ServerLog, cached: boolean): void {
  if (options.metrics && options.allowCpuMetrics) log.info("metrics", "Collecting CPU metrics");
  log.table("tritonserver", optionsTable(options, cached));
}

/** No time at all is too little, as it is for Triton, even where nothing is left to do. */
function within(work: Promise<void>, milliseconds: number): Promise<void> {
  const late = new RuntimeFault("INTERNAL", "Exit timeout expired. Exiting immediately.");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late), milliseconds);
    work.then(milliseconds > 0 ? resolve : () => reject(late), reject).finally(() => clearTimeout(timer));
  });
}

interface Polling {
  /** Resolves when no look is under way any more. */
  stop(): Promise<void>;
}

/** Polls the repositories periodically; a poll that takes longer than the period delays the next. */
function startPolling(registry: Registry, seconds: number, log: ServerLog): Polling | undefined {
  if (seconds <= 0) return undefined;
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    try {
      await registry.poll();
    } catch (error) {
      // As a folder that is away for a moment: what is loaded is served on, and the next look may find it again.
      log.error("main", `failed to poll model repository: Internal - ${(error as Error).message}`);
    }
    looking = undefined;
  };
  const timer = setInterval(() => {
    looking ??= look();
  }, seconds * 1000);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** Stores of clouds, which this server reads as little as a Triton that was built without them. */
const BUCKETS = [
  ["gs://", "GCS"],
  ["s3://", "S3"],
  ["as://", "AZURE_STORAGE"],
] as const;

async function requireRepositories(folders: readonly string[]): Promise<void> {
  if (folders.length === 0) throw new RuntimeFault("INVALID_ARGUMENT", "--model-repository must be specified");
  for (const folder of folders) {
    const bucket = BUCKETS.find(([scheme]) => folder.startsWith(scheme));
    if (bucket)
      throw new RuntimeFault(
        "INTERNAL",
        `${bucket[0]} file-system not supported. To enable, build with -DTRITON_ENABLE_${bucket[1]}=ON.`,
      );
    const found = await stat(folder).catch(() => undefined);
    if (!found) throw new RuntimeFault("INTERNAL", `failed to stat file ${folder}`);
    if (!found.isDirectory()) throw new RuntimeFault("INVALID_ARGUMENT", "repository path is not a valid directory");
  }
}
