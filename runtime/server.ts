/**
 * One server: options → models loaded, ports open, and a way to stop. Nothing is global: a process may run several.
 */
import { appendFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createLocalCache } from "./cache/local-cache.js";
import { RuntimeFault } from "./errors.js";
import { createLogSettings } from "./log-settings.js";
import { createMetrics } from "./metrics.js";
import { createRegistry, type Registry } from "./repository/registry.js";
import { createSeeds } from "./seeds.js";
import { createCalls } from "./server-calls.js";
import { createLog, type ServerLog } from "./server-log.js";
import { modelCaller, serverModels } from "./server-models.js";
import { type RunningServer, type ServeOptions, withDefaults } from "./server-options.js";
import { modelsTable } from "./server-table.js";
import { serveGrpc } from "./transport/grpc/server.js";
import { headerPattern } from "./transport/header-forwarding.js";
import { serveHttp, serveMetrics } from "./transport/http/server.js";
import type { Listener } from "./transport/listen.js";
import { createRestriction } from "./transport/restriction.js";

/**
 * Loads the repositories and opens the ports; they open only when everything is loaded.
 * @throws Error when a repository is missing, a model fails with `exitOnError`, or a port is taken; nothing is left running then
 */
export async function serve(given: ServeOptions): Promise<RunningServer> {
  const { logFile } = given;
  const writeLog = (text: string): void => appendFileSync(logFile!, text);
  const options = withDefaults(logFile ? { ...given, writeLog } : given);
  await requireRepositories(options.modelRepositories);
  const httpRestriction = createRestriction(options.httpRestrictedApis);
  const grpcRestriction = createRestriction(options.grpcRestrictedProtocols, "triton-grpc-protocol-");
  const logState = { ...options.log };
  const log: ServerLog = createLog(logState, options.writeLog);
  const registry: Registry = createRegistry({
    repositories: options.modelRepositories,
    control: options.modelControlMode,
    autoComplete: !options.disableAutoComplete,
    configName: options.modelConfigName,
    retries: options.modelLoadRetries,
    backendConfig: options.backendConfig,
    cache: options.cacheSize > 0 ? createLocalCache(options.cacheSize) : undefined,
    models: modelCaller(() => registry),
    server: serverModels(() => registry),
    log,
    drawSeed: createSeeds(options.seed),
  });
  const wanted = options.modelControlMode === "explicit" ? options.loadModels : [];
  const all = wanted.includes("*") || options.modelControlMode !== "explicit";
  const good = all || wanted.length > 0 ? await registry.start(all ? [] : wanted) : true;
  if (options.log.info) options.writeLog(modelsTable(await registry.index()), "stdout");
  if (!good && options.exitOnError) {
    await registry.stop();
    throw new RuntimeFault("INTERNAL", "failed to load all models");
  }

  let stopping = false;
  const calls = createCalls(registry, { ...options, control: options.modelControlMode }, () => stopping);
  const logSettings = createLogSettings(logState);
  const metrics = createMetrics({ cpu: options.allowCpuMetrics, config: options.metricsConfig });
  const listeners: Listener[] = [];
  const open = async (starting: Promise<Listener>, announce: string): Promise<number> => {
    const listener = await starting;
    listeners.push(listener);
    log.info("server", `${announce} ${listener.address}:${listener.port}`);
    return listener.port;
  };
  const polling = options.modelControlMode === "poll" && startPolling(registry, options.repositoryPollSeconds);
  const stop = async (): Promise<void> => {
    stopping = true;
    if (polling) clearInterval(polling);
    await Promise.all(listeners.map(listener => listener.stop(options.exitTimeoutSeconds * 1000)));
    await registry.stop();
  };
  try {
    const ports = {
      ...(options.grpc && {
        grpc: await open(
          serveGrpc(options.grpc, {
            calls,
            logSettings,
            log,
            restriction: grpcRestriction,
            headerForwardPattern: headerPattern(options.grpcHeaderForwardPattern),
          }),
          "Started GRPCInferenceService at",
        ),
      }),
      ...(options.http && {
        http: await open(
          serveHttp(
            options.http,
            {
              calls,
              logSettings,
              maxInputSize: options.httpMaxInputSize,
              restriction: httpRestriction,
              headerForwardPattern: headerPattern(options.httpHeaderForwardPattern),
            },
            log,
          ),
          "Started HTTPService at",
        ),
      }),
      ...(options.metrics && {
        metrics: await open(
          serveMetrics(options.metrics, () => metrics.print(registry.ready()), log),
          "Started Metrics Service at",
        ),
      }),
    };
    let stopped: Promise<void> | undefined;
    return {
      ports,
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Looks at the repositories every so often; a look that takes longer than the period is not joined by another. */
function startPolling(registry: Registry, seconds: number): NodeJS.Timeout | false {
  if (seconds <= 0) return false;
  let busy = false;
  return setInterval(() => {
    if (busy) return;
    busy = true;
    void registry.poll().finally(() => {
      busy = false;
    });
  }, seconds * 1000);
}

async function requireRepositories(folders: readonly string[]): Promise<void> {
  if (folders.length === 0) throw new RuntimeFault("INVALID_ARGUMENT", "--model-repository must be specified");
  for (const folder of folders) {
    const found = await stat(folder).catch(() => undefined);
    if (!found?.isDirectory()) throw new RuntimeFault("INTERNAL", `failed to stat file ${folder}`);
  }
}
