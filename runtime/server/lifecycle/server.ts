/**
 * One server: options → models loaded, ports open, and a way to stop. Nothing is global: a process may run several.
 */

import { setTimeout as delay } from "node:timers/promises";
import { removeAbandonedFolders } from "../../../contract/files/temporary-folder.js";
import { internal } from "../../base/errors.js";
import { inBackground, watchFaults } from "../../base/in-background.js";
import { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { ResponseCache } from "../cache/local-cache.js";
import type { ExposureLog, ExposureOptions } from "../exposures/exposure-log.js";
import { requireClient } from "../exposures/kafka/require-client.js";
import { isTopicAddress } from "../exposures/kafka/topic-address.js";
import type { FaultSet } from "../faults/fault-set.js";
import { type OpenFaults, openFaults } from "../faults/open-faults.js";
import { createMemoryReturner, leaveBuffersUncounted, type MemoryReturner, shareFiles } from "../memory/allocator.js";
import type { Registry } from "../models/registry-types.js";
import { isBucketAddress } from "../object-store/address.js";
import { createFailureCounts, type FailureCounts } from "../observe/failure-counts.js";
import { logWriter } from "../observe/log-file.js";
import { createLogSettings } from "../observe/log-settings.js";
import { createLog, type ServerLog } from "../observe/server-log.js";
import { createRecentRequests } from "../observe/tracing/recent-requests.js";
import { createTracer, type Tracer } from "../observe/tracing/tracer.js";
import type { Peers } from "../peers/open-peers.js";
import type { PeerOptions } from "../peers/options.js";
import type { Replay } from "../recordings/replay.js";
import { createCalls, type ServerState } from "../requests/server-calls.js";
import { planRows } from "../scheduling/plan-rows.js";
import type { CodeWarmer, createCodeWarmer } from "../warm-up/warm-code.js";
import { createModels, layersOf, type MockedByName } from "./create-models.js";
import { loadFirst, requireGood } from "./first-load.js";
import { createPorts, type Ports } from "./open-ports.js";
import { type Polling, startPolling } from "./polling.js";
import { createServerMetrics } from "./port-services.js";
import { type OpenOptions, type RunningServer, type ServeOptions, withDefaults } from "./server-options.js";
import { stopModels } from "./stop-models.js";
import type { WorkerSide } from "./worker-side.js";

/**
 * Loads the repositories and opens the ports, which is later unless `opensEarly` says otherwise.
 * @throws Error when a repository is missing, a model fails with `exitOnError`, or a port is taken; nothing is left running then
 */
export async function serve(given: ServeOptions): Promise<RunningServer> {
  if (given.modelRepositories.some(isBucketAddress)) return serveFromBuckets(given);
  return serveFolders(given);
}

/** The repositories are folders of this machine. */
async function serveFolders(given: ServeOptions): Promise<RunningServer> {
  const { workers = 1, cpuAffinity } = given;
  if (workers === 1 && cpuAffinity === undefined) return serveHere(given);
  const { serveWithWorkers } = await import("../workers/serve-with-workers.js");
  return serveWithWorkers(given, serveHere);
}

/** Its models are read from copies of the repositories, which are removed with the server. */
async function serveFromBuckets(given: ServeOptions): Promise<RunningServer> {
  const { openRepositories, refreshUntilGood } = await import("../object-store/remote-repositories.js");
  const options = withDefaults({
    ...given,
    ...(given.logFile && { writeLog: logWriter(given.logFile, given.hints ?? false, given.writeLog) }),
  });
  const log = createLog(options.log, options.writeLog);
  const remote = await openRepositories(given.modelRepositories, text => log.info("model_repository_manager", text));
  const complain = (error: Error): void => log.error("model_repository_manager", error.message);
  let isStarted = false;
  const refreshRepositories = async (): Promise<void> => {
    if (isStarted || options.exitOnError) await remote.refresh();
    else await refreshUntilGood(remote.refresh, complain);
    isStarted = true;
  };
  try {
    const server = await serveFolders({ ...given, modelRepositories: remote.folders, refreshRepositories });
    const stop = (): Promise<void> => server.stop().finally(remote.dispose);
    return {
      ...server,
      get mocked() {
        return server.mocked;
      },
      stop,
    };
  } catch (error) {
    await remote.dispose();
    throw error;
  }
}

/** A server in this process alone. @param worker of a server with several: what it shares with the others */
export async function serveHere(given: ServeOptions, worker?: WorkerSide): Promise<RunningServer> {
  const { options, replay } = await resolveOptions(given);
  const logState = { ...options.log };
  const own = createLog(logState, options.writeLog);
  const log = worker?.log(own, logState) ?? own;
  shareFiles(worker !== undefined);
  planRows.limit = options.maxPlanRows || Number.POSITIVE_INFINITY;
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
  const faults = await openFaults({ ...options, onOver: worker && (id => worker.faultOver(id)) });
  const unwatch = watchFaults((fault, doing) => log.error("main", `${doing} failed: ${fault.stack ?? fault.message}`));
  const mocked: MockedByName = new Map();
  const middleware = await layersOf(options, faults, replay, log, mocked);
  const failures = createFailureCounts();
  const peers = options.peers && (await peersOf(options.peers, options, { budget, log, cache, faults }));
  const exposures = options.exposures && (await exposuresOf(options.exposures, log));
  // Layers between the server and its models count requests, or answer them.
  const warmer =
    options.warmUpSeconds > 0 && !middleware
      ? await warmerOf({ options, budget, registry: () => registry })
      : undefined;
  const registry: Registry = createModels(failed ? { ...options, modelRepositories: [] } : options, {
    ...{ log, cache, failures, middleware, warmCode: warmer?.warm },
    ...(worker && { agreement: worker.agreement, arms: worker.arms }),
    ...(peers && { place: peers.place, othersRelease: peers.released }),
    memory: budget,
    exposures,
  });
  return start({
    ...{ given, options, logState, log, relief, budget, failed, faults },
    ...{ replay, unwatch, failures, registry, mocked, worker, peers, exposures, warmer },
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
  readonly exposures: ExposureLog | undefined;
  readonly warmer: CodeWarmer | undefined;
}

/** Loads the models, opens the ports, and polls the repositories if requested. @throws Error, after all that is undone */
async function start(parts: ServerParts): Promise<RunningServer> {
  const { given, options, log, logState, relief, budget, failed, faults, registry, mocked } = parts;
  const { worker, peers } = parts;
  let state: ServerState = failed ? "failed" : "loading";
  const isKnown = (model: string): boolean => registry.ready().some(version => version.model === model);
  const tracer = options.trace && createTracer({ ...options.trace, ...worker?.traces }, isKnown, log);
  const recent = options.recentRequests && createRecentRequests(options.recentRequests);
  const control = options.modelControlMode;
  const own = createCalls(registry, { ...options, control }, () => state, tracer, recent);
  const ownLog = createLogSettings(logState, given.logFile);
  const metrics = createServerMetrics(options, parts, () => endpoints.certificates?.daysLeft());
  const printMetrics = (): string => metrics.print(registry.ready(), registry.failed());
  const local = { calls: own, logSettings: ownLog, printMetrics };
  const shared = worker?.attach({ ...local, registry, faults, recent }) ?? local;
  const endpoints: Ports = createPorts(options, { ...shared, registry, log, budget }, worker?.adopt);
  const closing = (patience: number): Promise<void> => closeModels(parts, tracer, patience);
  let polling: Polling | undefined;
  try {
    if (!failed) {
      if (options.opensEarly) await endpoints.openEarly();
      if (!worker) await options.refreshRepositories();
      await loadFirst(registry, options, log);
      if (mocked.size > 0) log.info("mock", `mocks stand in for ${[...mocked.keys()].join(", ")}`);
      parts.warmer?.started();
      await peers?.start(registry);
      state = "serving";
    }
    options.onLoaded();
    if (!failed && !worker && control === "poll") polling = startPolling(registry, options, log);
    if (!worker) log.hint("memory", limitLine(options.memoryLimit));
    await endpoints.open();
    const faultAdmin = await faults?.listen(log, !worker);
    if (options.returnMemory) {
      leaveBuffersUncounted();
      relief.returner = createMemoryReturner({ budget, log });
    }
    // Libraries that read models leave freed blocks behind.
    relief.returner?.relieve();
    // Beside the first requests: leftovers of servers that were killed.
    inBackground(removeAbandonedFolders(), "removing what killed servers left");
    let stopped: Promise<void> | undefined;
    return {
      ports: { ...endpoints.opened, ...(faultAdmin !== undefined && { faultAdmin }) },
      ...(recent && { recent, requests: recent }),
      ...(peers && { peers: peers.state }),
      get mocked() {
        return [...mocked.values()];
      },
      reload: async () => endpoints.certificates?.look(),
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
  { registry, log, replay, unwatch, exposures }: ServerParts,
  tracer: Tracer | undefined,
  patience: number,
): Promise<void> {
  const end = performance.now() + patience;
  // A broker that is away takes all the time there is; the rest of the server still has to end.
  await stopModels(registry, patience, log).finally(() => exposures?.close(0.9 * (end - performance.now())));
  await tracer?.stop();
  await replay?.remove();
  unwatch();
}

/** The exposure log: a server without one needs none of its code. @throws Error for options that it cannot keep */
async function exposuresOf(options: ExposureOptions, log: ServerLog): Promise<ExposureLog> {
  const { ExposureLog } = await import("../exposures/exposure-log.js");
  if (isTopicAddress(options.folder)) requireClient();
  return new ExposureLog(options, log);
}

async function warmerOf(parts: Parameters<typeof createCodeWarmer>[0]): Promise<CodeWarmer> {
  const { createCodeWarmer } = await import("../warm-up/warm-code.js");
  return createCodeWarmer(parts);
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

/** The links to the other workers: a server of one process needs none of their code. */
async function peersOf(
  peers: PeerOptions,
  { rateLimit, replay }: OpenOptions,
  parts: Pick<ServerParts, "budget" | "log" | "faults"> & { readonly cache: ResponseCache | undefined },
): Promise<Peers> {
  const { budget, log, cache, faults } = parts;
  const { openPeers } = await import("../peers/open-peers.js");
  return openPeers(peers, {
    budget,
    facts: {
      limitsRate: rateLimit,
      caches: cache !== undefined,
      replays: replay !== undefined,
      countsFaults: faults && (model => countsRequests(faults.set, model)),
    },
    log: text => log.warning("peers", text),
  });
}

/** Loads are counted in each worker, since each loads once. */
const countsRequests = (faults: FaultSet, model: string): boolean =>
  faults
    .list()
    .some(
      ({ fault }) =>
        fault.times !== undefined && fault.failLoad === undefined && (fault.model === "*" || fault.model === model),
    );

const limitLine = (bytes: number): string =>
  Number.isFinite(bytes)
    ? `requests, responses and caches may hold ${Math.floor((0.9 * bytes) / 2 ** 20)} MiB: 90 % of --memory-limit, ${Math.floor(bytes / 2 ** 20)} MiB`
    : "the memory that requests, responses and caches may hold is not limited: set --memory-limit";

/** Without patience everything is cut at once; what is logged of it takes a moment. */
const LOG_MS = 250;

/** No time at all is too little, as it is for Triton, even where nothing is left to do. */
function within(work: Promise<void>, milliseconds: number): Promise<void> {
  const late = internal("Exit timeout expired. Exiting immediately.");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late), milliseconds > 0 ? milliseconds : LOG_MS);
    work.then(milliseconds > 0 ? resolve : () => reject(late), reject).finally(() => clearTimeout(timer));
  });
}
