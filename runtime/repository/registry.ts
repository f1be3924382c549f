/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 */

import { dirname } from "node:path";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { complete, messageType } from "../../triton-protos/proto-root.js";
import type { Backend, LoadContext, LoadedModel, ServerModels } from "../backends/backend.js";
import { loadBackend } from "../backends/index.js";
import { RuntimeFault, STATUS } from "../errors.js";
import type { ModelCaller } from "../plan/kernel.js";
import { createScheduler } from "../scheduling/create-scheduler.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { ServerLog } from "../server-log.js";
import { createStatistics, type VersionStatistics } from "../statistics.js";
import { backendOf } from "./backend-of.js";
import { type Labels, readLabels } from "./labels.js";
import { scanRepositories } from "./layout.js";
import { type PolledModel, pollModel } from "./poll-model.js";
import { validateVersion } from "./validate.js";

export type VersionState = "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE";

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

interface Version {
  state: VersionState;
  reason: string;
  ready?: ReadyVersion;
}

export interface IndexEntry {
  readonly name: string;
  readonly version?: string;
  readonly state?: VersionState;
  readonly reason?: string;
}

export interface RegistryOptions {
  readonly repositories: readonly string[];
  readonly control: "none" | "poll" | "explicit";
  readonly autoComplete: boolean;
  readonly models: ModelCaller;
  /** The models of this server, for backends that call them. */
  readonly server: ServerModels;
  readonly log: ServerLog;
  drawSeed(): bigint;
}

export interface Registry {
  /** Loads a model, and first the models it depends on. @throws RuntimeFault with Triton's text */
  load(name: string): Promise<void>;
  unload(name: string): Promise<void>;
  /** Loads every model, or those named; faults are logged and kept in the index. Answers whether all are ready. */
  start(names: readonly string[]): Promise<boolean>;
  stop(): Promise<void>;
  /** The version of a request: the greatest ready one for -1. @throws RuntimeFault */
  find(name: string, version: number | bigint): ReadyVersion;
  /** Ready versions of every model, by name and version. */
  ready(): readonly ReadyVersion[];
  /** Whether every wanted model is ready (strict readiness). */
  allReady(): boolean;
  index(): Promise<readonly IndexEntry[]>;
}

export function createRegistry(options: RegistryOptions): Registry {
  const { log } = options;
  const models = new Map<string, Map<number, Version>>();
  /** Models that failed and were not loaded since: they keep a strict server from being ready. */
  const broken = new Set<string>();
  const loading = new Map<string, Promise<void>>();

  const load = (name: string, chain: readonly string[] = []): Promise<void> => {
    const running = loading.get(name);
    if (running) return running;
    const promise = loadOnce(name, chain).finally(() => loading.delete(name));
    loading.set(name, promise);
    return promise;
  };

  async function loadOnce(name: string, chain: readonly string[]): Promise<void> {
    let polled: PolledModel;
    try {
      polled = await pollModel(name, options);
    } catch (error) {
      const fault = RuntimeFault.from(error, (error as Error).message);
      log.error("model_repository_manager", `Poll failed for model '${name}': ${fault.message}`);
      broken.add(name);
      throw new RuntimeFault("INTERNAL", `failed to load '${name}', failed to poll from model repository`, {
        cause: error,
      });
    }
    for (const dependency of polled.dependencies) {
      if (dependency === name || chain.includes(dependency))
        throw new RuntimeFault(
          "INVALID_ARGUMENT",
          `circular dependency between models: ${[...chain, name, dependency].join(" -> ")}`,
        );
      if (![...(models.get(dependency)?.values() ?? [])].some(version => version.state === "READY"))
        await load(dependency, [...chain, name]).catch(error =>
          log.error("model_repository_manager", `model '${name}' needs '${dependency}': ${(error as Error).message}`),
        );
    }
    await replaceVersions(name, polled);
  }

  async function replaceVersions(name: string, polled: PolledModel): Promise<void> {
    const before = models.get(name) ?? new Map<number, Version>();
    const faults: string[] = [];
    const next = new Map<number, Version>();
    for (const { version, folder } of polled.versions) {
      log.info("model_lifecycle", `loading: ${name}:${version}`);
      try {
        next.set(version, { state: "READY", reason: "", ready: await loadVersion(polled, version, folder) });
      } catch (error) {
        const fault = RuntimeFault.from(error, (error as Error).message);
        const reason = `${STATUS[fault.code].label}: ${fault.message}`;
        log.error("model_lifecycle", `failed to load '${name}' version ${version}: ${reason}`);
        faults.push(`version ${version} is at UNAVAILABLE state: ${reason};\n`);
        next.set(version, { state: "UNAVAILABLE", reason });
      }
    }
    if (polled.versions.length === 0)
      faults.push(`at least one version must be available under the version policy of model '${name}'\n`);
    if (faults.length === 0) {
      models.set(name, next);
      broken.delete(name);
      log.info("model_lifecycle", `successfully loaded '${name}'`);
      await closeVersions(name, before);
      return;
    }
    broken.add(name);
    // A reload that fails leaves what was serving in its place; a first load that fails takes its good versions down.
    const serving = [...before.values()].some(version => version.state === "READY");
    const good = new Map([...next].filter(([, version]) => version.ready));
    if (!serving) {
      for (const version of good.keys()) next.set(version, { state: "UNAVAILABLE", reason: "unloaded" });
      models.set(name, next);
    }
    await closeVersions(name, good);
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${faults.join("")}`);
  }

  async function loadVersion(polled: PolledModel, version: number, folder: string): Promise<ReadyVersion> {
    const started = performance.now();
    const backend: Backend = await loadBackend(backendOf(polled.config));
    const config =
      options.autoComplete && backend.autoComplete ? await backend.autoComplete(polled.config, folder) : polled.config;
    validateVersion(config);
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
    const labels = readLabels(served, dirname(folder));
    const loaded = await backend.load(context);
    const statistics = createStatistics();
    const ready = loaded.config ?? served;
    const scheduler = await createScheduler(ready, loaded, statistics, folder);
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

  async function closeVersions(name: string, versions: ReadonlyMap<number, Version>): Promise<void> {
    for (const [number, version] of versions) {
      if (!version.ready) continue;
      await version.ready.scheduler.drain();
      await version.ready.loaded.close?.();
      log.info("model_lifecycle", `successfully unloaded '${name}' version ${number}`);
    }
  }

  const readyOf = (name: string): ReadyVersion[] =>
    [...(models.get(name) ?? [])]
      .flatMap(([, version]) => (version.state === "READY" && version.ready ? [version.ready] : []))
      .sort((a, b) => a.version - b.version);

  return {
    load,
    async unload(name) {
      const versions = models.get(name);
      if (!versions) return;
      for (const version of versions.values()) if (version.ready) version.state = "UNLOADING";
      await closeVersions(name, versions);
      for (const [number, version] of versions)
        versions.set(number, { state: "UNAVAILABLE", reason: version.ready ? "unloaded" : version.reason });
    },
    async start(names) {
      let good = true;
      const wanted = names.length > 0 ? names : [...(await scanRepositories(options.repositories)).keys()];
      for (const name of wanted) {
        if (readyOf(name).length > 0) continue;
        await load(name).catch(() => {
          good = false;
        });
      }
      return good;
    },
    async stop() {
      await Promise.all([...models].map(([name, versions]) => closeVersions(name, versions)));
      models.clear();
    },
    find(name, number) {
      const versions = models.get(name);
      const unknown = `Request for unknown model: '${name}'`;
      if (!versions) throw new RuntimeFault("NOT_FOUND", `${unknown} is not found`);
      if (number === -1) {
        const latest = readyOf(name).at(-1);
        if (!latest) throw new RuntimeFault("NOT_FOUND", `${unknown} has no available versions`);
        return latest;
      }
      const version = versions.get(Number(number));
      if (!version) throw new RuntimeFault("NOT_FOUND", `${unknown} version ${number} is not found`);
      if (version.state !== "READY" || !version.ready)
        throw new RuntimeFault("UNAVAILABLE", `${unknown} version ${number} is not at ready state`);
      return version.ready;
    },
    ready: () => [...models.keys()].sort().flatMap(readyOf),
    allReady: () =>
      broken.size === 0 &&
      ![...models.values()].some(versions =>
        [...versions.values()].some(({ state }) => state === "LOADING" || state === "UNLOADING"),
      ),
    async index() {
      const names = new Set([...(await scanRepositories(options.repositories)).keys(), ...models.keys()]);
      return [...names].sort().flatMap((name): IndexEntry[] => {
        const versions = [...(models.get(name) ?? [])].sort(([a], [b]) => a - b);
        if (versions.length === 0) return [{ name }];
        return versions.map(([version, { state, reason }]) => ({
          name,
          version: String(version),
          state,
          ...(reason && { reason }),
        }));
      });
    },
  };
}
