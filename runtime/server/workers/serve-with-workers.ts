/**
 * A server of several processes: this one accepts connections, has the metrics port and the server's state as a whole, and keeps the workers alive.
 */
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { cpuQuota } from "../../base/control-group.js";
import { invalid } from "../../base/errors.js";
import { MemoryBudget } from "../../base/memory/memory-budget.js";
import { usableProcessors } from "../../base/processors.js";
import { openPorts, type Ports } from "../lifecycle/open-ports.js";
import type { PortService } from "../lifecycle/port-service.js";
import { type OpenOptions, type RunningServer, type ServeOptions, withDefaults } from "../lifecycle/server-options.js";
import { logWriter } from "../observe/log-file.js";
import { createLogSettings } from "../observe/log-settings.js";
import { createLog, type ServerLog } from "../observe/server-log.js";
import { reportFull } from "../transport/connection-cap.js";
import { serveMetrics } from "../transport/http/server.js";
import type { Listener } from "../transport/listen.js";
import { pinProcess, readAffinity, requireTaskset, type WorkerPlace, workerPlaces, workersFor } from "./affinity.js";
import { missingForWorkers } from "./permissions.js";
import { type PortName, requireShareable, workersOf } from "./worker-options.js";
import { WorkerServer } from "./worker-server.js";

const MOST_WORKERS = 256;
/** For the requests of the metrics port. */
const METRICS_BYTES = 2 ** 26;

/** @param serveHere serves in this process alone @throws RuntimeFault for options that several workers cannot share @throws Error as a server of one process */
export async function serveWithWorkers(
  given: ServeOptions,
  serveHere: (given: ServeOptions) => Promise<RunningServer>,
): Promise<RunningServer> {
  const affinity = given.cpuAffinity === undefined ? undefined : readAffinity(given.cpuAffinity);
  if (affinity) requireTaskset();
  const available = availableParallelism();
  const quota = cpuQuota();
  const count = workersOf(given.workers, affinity ? workersFor(affinity) : available, quota);
  if (!Number.isInteger(count) || count < 1 || count > MOST_WORKERS)
    throw invalid(`workers: a whole number from 1 to ${MOST_WORKERS}, or auto; got ${count}`);
  const places = workerPlaces(affinity, count, usableProcessors(available, quota ?? available));
  if (count === 1) {
    if (places[0]!.processors) pinProcess(places[0]!.processors);
    return serveHere({ ...given, workers: 1 });
  }
  const missing = missingForWorkers();
  if (missing.length > 0)
    throw invalid(`${count} workers need ${missing.join(" ")} under Node's permission model; --workers 1 does not`);
  requireShareable(given);
  const recorded = await recordedRepository(given);
  const served = recorded ? { ...given, modelRepositories: [recorded.path] } : given;
  try {
    const running = await serveAll(served, count, places, count > available ? available : undefined);
    return { ...running, stop: () => running.stop().finally(() => recorded?.remove()) };
  } catch (error) {
    await recorded?.remove();
    throw error;
  }
}

/** The repository of a cassette that is replayed without one: the workers need the same. @throws RuntimeFault */
async function recordedRepository({
  replay: options,
  modelRepositories,
}: ServeOptions): Promise<{ readonly path: string; remove(): Promise<void> } | undefined> {
  if (!options || modelRepositories.length > 0) return undefined;
  const replay = await (await import("../recordings/replay.js")).openReplay(options);
  let removed: Promise<void> | undefined;
  const remove = (): Promise<void> => {
    removed ??= replay.remove();
    return removed;
  };
  return { path: await replay.writeRepository(), remove };
}

/** @param processors number of them, if there are fewer than workers */
async function serveAll(
  given: ServeOptions,
  count: number,
  places: readonly WorkerPlace[],
  processors: number | undefined,
): Promise<RunningServer> {
  const options = withDefaults({
    ...given,
    ...(given.logFile && { writeLog: logWriter(given.logFile, given.hints ?? false) }),
  });
  const logState = { ...options.log };
  const log = createLog(logState, options.writeLog);
  const server = new WorkerServer({
    ...{ given, options, count, places, log },
    logSettings: createLogSettings(logState, given.logFile),
  });
  const endpoints = openPorts(() => services(options, server, log), options, log);
  if (processors !== undefined)
    log.hint("workers", `${count} workers share ${processors} processors: more than that take memory and gain nothing`);
  try {
    if (options.opensEarly) await endpoints.openEarly();
    await options.refreshRepositories();
    await server.start();
    options.onLoaded();
    log.hint("memory", shareLine(options.memoryLimit, count));
    await endpoints.open();
    const faultAdmin = await server.openFaultAdmin();
    server.serve();
    return running(server, endpoints, options, log, faultAdmin);
  } catch (error) {
    await Promise.all([server.abandon(), endpoints.stop(0)]);
    throw error;
  }
}

function running(
  server: WorkerServer,
  endpoints: Ports,
  options: OpenOptions,
  log: ServerLog,
  faultAdmin: Listener | undefined,
): RunningServer {
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    server.leave();
    if (options.drainDelaySeconds > 0) {
      await server.leaveConnections();
      await delay(options.drainDelaySeconds * 1000);
    }
    await faultAdmin?.stop(0);
    const patience = options.exitTimeoutSeconds * 1000;
    await endpoints.stop(patience);
    await server.stop(patience).catch(error => {
      log.error("main", `failed to stop server: Internal - ${(error as Error).message}`);
      throw error;
    });
  };
  return {
    ports: { ...endpoints.opened, ...(faultAdmin && { faultAdmin: faultAdmin.port }) },
    mocked: [],
    ...(options.recentRequests && { requests: server.control.requests(options.recentRequests.most) }),
    reload: async () => server.reload(),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

const shareLine = (bytes: number, count: number): string =>
  Number.isFinite(bytes)
    ? `requests, responses and caches may hold ${Math.floor((0.9 * bytes) / count / 2 ** 20)} MiB in each of ${count} workers: 90 % of --memory-limit, ${Math.floor(bytes / 2 ** 20)} MiB`
    : "the memory that requests, responses and caches may hold is not limited: set --memory-limit";

/** In the order in which a server of one process opens them. */
function services(options: OpenOptions, server: WorkerServer, log: ServerLog): readonly PortService[] {
  const onFull = reportFull(log);
  const shared = (
    name: PortService["name"],
    port: PortName,
    at: PortService["at"] | undefined,
    more: { readonly opensEarly: boolean; readonly reuse?: boolean },
  ): readonly PortService[] =>
    at
      ? [
          {
            ...{ name, port, at, opensEarly: more.opensEarly },
            start: () => server.connections.listen(port, { ...at, reuse: more.reuse === true, onFull }),
          },
        ]
      : [];
  const { metrics } = options;
  return [
    ...shared("GRPC", "grpc", options.grpc, { opensEarly: true, reuse: options.reuseGrpcPort }),
    ...shared("HTTP", "http", options.http, { opensEarly: true, reuse: options.reuseHttpPort }),
    ...shared("Sagemaker", "sageMaker", options.sageMaker, { opensEarly: false }),
    ...shared("Vertex AI", "vertexAi", options.vertexAi, { opensEarly: false }),
    ...(metrics
      ? [
          {
            ...({ name: "Metrics", port: "metrics", at: metrics, opensEarly: true } as const),
            start: () =>
              serveMetrics(
                {
                  ...metrics,
                  stallTime: options.stallTimeoutSeconds * 1000,
                  allowedOrigins: options.httpAllowedOrigins,
                  budget: new MemoryBudget(METRICS_BYTES),
                  onFull,
                },
                server.control.printMetrics,
                log,
              ),
          },
        ]
      : []),
  ];
}
