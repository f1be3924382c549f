/**
 * The models of a server, with the middleware between it and them.
 */
import type { Mocked } from "../backends/mock/mock-missing.js";
import type { OpenFaults } from "../faults/open-faults.js";
import { findGpus, findGpusOrCpu } from "../models/gpus.js";
import type { RegistryOptions } from "../models/load-options.js";
import { layered, type ModelMiddleware } from "../models/model-middleware.js";
import { createRegistry } from "../models/registry.js";
import type { Registry } from "../models/registry-types.js";
import type { ServerLog } from "../observe/server-log.js";
import type { Replay } from "../recordings/replay.js";
import { createSeeds } from "../requests/seeds.js";
import { modelCaller, serverModels } from "../requests/server-models.js";
import { createRateLimiter } from "../scheduling/rate-limiter.js";
import type { OpenOptions } from "./server-options.js";

/** Models and stages that mocks replace, by `MODEL` or `MODEL/STAGE`. */
export type MockedByName = Map<string, Mocked>;

/** All middleware between the server and its models, as one layer; the first is the outermost. */
export async function layersOf(
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

export function createModels(
  options: OpenOptions,
  given: Pick<
    RegistryOptions,
    | "log"
    | "cache"
    | "failures"
    | "middleware"
    | "memory"
    | "agreement"
    | "warmCode"
    | "place"
    | "othersRelease"
    | "exposures"
    | "arms"
  >,
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
  return given.agreement ? registry : refreshedAtLoads(registry, options.refreshRepositories);
}

/** A load by name reads the repositories as they are now; its own files need none. */
const refreshedAtLoads = (registry: Registry, refresh: () => Promise<void>): Registry => ({
  ...registry,
  async load(name, override) {
    if (!override?.files.size) await refresh();
    await registry.load(name, override);
  },
});

const onGoldenDifference = (
  { verifyWorkflows }: OpenOptions,
  log: ServerLog,
): RegistryOptions["onGoldenDifference"] => {
  if (verifyWorkflows === "off") return "skip";
  return verifyWorkflows === "refuse" ? "refuse" : message => log.warning("merlon", message);
};
