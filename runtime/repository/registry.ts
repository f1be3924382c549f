/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { hasBackend } from "../backends/index.js";
import { RuntimeFault, STATUS } from "../errors.js";
import type { ServerLog } from "../server-log.js";
import { ensembleFault } from "./ensemble-fault.js";
import { scanRepositories } from "./layout.js";
import { type LoadOptions, loadVersion, type ReadyVersion } from "./load-version.js";
import type { Override } from "./override.js";
import { type PolledModel, pollModel, UnknownModel } from "./poll-model.js";

export type { ReadyVersion } from "./load-version.js";
export type VersionState = "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE";

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

export interface RegistryOptions extends LoadOptions {
  readonly repositories: readonly string[];
  readonly control: "none" | "poll" | "explicit";
  readonly configName?: string;
  readonly retries?: number;
  /** How many models load at a time at the start. */
  readonly loadsAtOnce?: number;
  readonly log: ServerLog;
}

export interface Registry {
  /** Loads a model, and first the models it depends on. @throws RuntimeFault with Triton's text */
  load(name: string, override?: Override): Promise<void>;
  /** @param dependents also unload an ensemble's members that were loaded only for it */
  unload(name: string, dependents?: boolean): Promise<void>;
  /** Loads every model, or those named; faults are logged and kept in the index. Answers whether all are ready. */
  start(names: readonly string[]): Promise<boolean>;
  /** Looks at the repositories again: loads what is new or changed, unloads what is gone. */
  poll(): Promise<void>;
  stop(): Promise<void>;
  /** Back ends that models were loaded with. */
  backends(): readonly string[];
  /** Models that could be read and have no version to load. */
  empty(): readonly string[];
  /** The version of a request: the greatest ready one for -1. @throws RuntimeFault */
  find(name: string, version: number | bigint): ReadyVersion;
  /** Ready versions of every model, by name and version. */
  ready(): readonly ReadyVersion[];
  /** Whether every wanted model is ready (strict readiness). */
  allReady(): boolean;
  index(): Promise<readonly IndexEntry[]>;
}

/** How long an unload call waits for requests in flight before it answers; they end all the same. */
const UNLOAD_PATIENCE_MS = 100;

export function createRegistry(options: RegistryOptions): Registry {
  const { log } = options;
  const models = new Map<string, Map<number, Version>>();
  const polledModels = new Map<string, PolledModel>();
  const overrides = new Map<string, Override>();
  /** Models that someone asked for, and not only an ensemble. */
  const explicit = new Set<string>();
  /** Why the last load of a model failed. */
  const failures = new Map<string, string>();
  /** Models whose load failed and was not mended: they keep a strict server from being ready, even when unloaded. */
  const broken = new Set<string>();
  const loading = new Map<string, Promise<void>>();
  const backends = new Set<string>();
  /** Models that were read and have no version. */
  const empty = new Set<string>();
  const isReady = (name: string): boolean => readyOf(name).length > 0;

  const load = (name: string, chain: readonly string[] = [], override?: Override): Promise<void> => {
    const running = loading.get(name);
    if (running) return override ? running.catch(() => {}).then(() => load(name, chain, override)) : running;
    const promise = loadOnce(name, chain, override).finally(() => loading.delete(name));
    loading.set(name, promise);
    return promise;
  };

  async function loadOnce(name: string, chain: readonly string[], given?: Override): Promise<void> {
    // A configuration from a request outlives a plain reload; files from a request do not.
    const kept = overrides.get(name);
    const override = given ?? (kept && kept.files.size === 0 ? kept : undefined);
    const polled = await poll(name, override);
    const before = polledModels.get(name);
    if (before?.mark === polled.mark && isReady(name) && !given?.files.size) return;
    if (override) overrides.set(name, override);
    else overrides.delete(name);
    await loadDependencies(name, polled, chain);
    await replaceVersions(name, polled);
    polledModels.set(name, polled);
    await reloadDependents(name);
  }

  async function poll(name: string, override: Override | undefined): Promise<PolledModel> {
    try {
      return await pollModel(name, { ...options, warn: text => log.warning("model_lifecycle", text) }, override);
    } catch (error) {
      const fault = RuntimeFault.from(error, (error as Error).message);
      log.error(
        "model_repository_manager",
        error instanceof UnknownModel ? fault.message : `Poll failed for model directory '${name}': ${fault.message}`,
      );
      throw new RuntimeFault("INTERNAL", `failed to load '${name}', failed to poll from model repository`, {
        cause: error,
      });
    }
  }

  /** Members first; an ensemble without its members fails as a whole, other models report it when they load. */
  async function loadDependencies(name: string, polled: PolledModel, chain: readonly string[]): Promise<void> {
    const isEnsemble = polled.config.platform === "ensemble";
    const missing: string[] = [];
    for (const dependency of polled.dependencies) {
      if (dependency === name || chain.includes(dependency)) {
        const text = `circular dependency between ensembles: ${dependency} -> ... -> ${name} -> ${dependency}`;
        return failWhole(name, isEnsemble ? text : text.replace("ensembles", "models"));
      }
      if (isReady(dependency)) continue;
      await load(dependency, [...chain, name]).catch(error => {
        if (RuntimeFault.from(error).code === "INTERNAL") missing.push(dependency);
        if (!isEnsemble)
          log.error("model_repository_manager", `model '${name}' needs '${dependency}': ${(error as Error).message}`);
      });
    }
    if (!isEnsemble) return;
    const fault = ensembleFault(polled.config, missing, readyOf, member => failures.get(member));
    if (fault) await failWhole(name, fault);
  }

  /** A fault of the model and not of one version: no version appears, those that served go down. */
  async function failWhole(name: string, text: string): Promise<never> {
    log.error("model_repository_manager", `Invalid argument: ${text}`);
    await takeDown(name);
    failures.set(name, text);
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${text}\n`);
  }

  async function replaceVersions(name: string, polled: PolledModel): Promise<void> {
    const before = models.get(name) ?? new Map<number, Version>();
    const serving = [...before.values()].some(version => version.state === "READY");
    const faults: string[] = [];
    const next = new Map<number, Version>(
      polled.versions.map(({ version }) => [version, { state: "LOADING", reason: "" }]),
    );
    if (!serving) models.set(name, next);
    await Promise.all(
      polled.versions.map(async folder => {
        const { version } = folder;
        log.info("model_lifecycle", `loading: ${name}:${version}`);
        if (hasBackend(polled.config.backend)) backends.add(polled.config.backend);
        try {
          next.set(version, { state: "READY", reason: "", ready: await retried(polled, folder) });
        } catch (error) {
          const fault = RuntimeFault.from(error, (error as Error).message);
          const reason = `${STATUS[fault.code].label}: ${fault.message}`;
          if (polled.config.platform === "ensemble") {
            models.delete(name);
            return failWhole(name, fault.message);
          }
          log.error("model_lifecycle", `failed to load '${name}' version ${version}: ${reason}`);
          faults.push(`version ${version} is at UNAVAILABLE state: ${reason};\n`);
          next.set(version, { state: "UNAVAILABLE", reason });
        }
      }),
    );
    if (polled.versions.length === 0) {
      const text = `at least one version must be available under the version policy of model '${name}'`;
      log.error("model_repository_manager", `failed to load model '${name}': ${text}`);
      broken.add(name);
      failures.set(name, text);
      if (!serving) empty.add(name);
      throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${text}\n`);
    }
    empty.delete(name);
    if (faults.length === 0) {
      // Versions that are gone stay in the index as unloaded.
      for (const [version, { ready, reason }] of before)
        if (!next.has(version)) next.set(version, { state: "UNAVAILABLE", reason: ready ? "unloaded" : reason });
      models.set(name, next);
      broken.delete(name);
      failures.delete(name);
      log.info("model_lifecycle", `successfully loaded '${name}'`);
      void closeVersions(name, before);
      return;
    }
    broken.add(name);
    failures.set(name, faults.join("").trimEnd());
    log.info("model_lifecycle", `failed to load '${name}'`);
    // A reload that fails leaves what was serving in its place; a first load that fails takes its good versions down.
    const good = new Map([...next].filter(([, version]) => version.ready));
    if (serving) {
      for (const [version, { reason }] of next)
        if (reason) before.set(version, { ...(before.get(version) ?? { state: "UNAVAILABLE" }), reason });
    } else {
      for (const version of good.keys()) next.set(version, { state: "UNAVAILABLE", reason: "unloaded" });
      models.set(name, next);
    }
    await closeVersions(name, good);
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${faults.join("")}`);
  }

  async function retried(polled: PolledModel, folder: PolledModel["versions"][number]): Promise<ReadyVersion> {
    for (let left = options.retries ?? 0; ; left--)
      try {
        return await loadVersion(polled, folder, options);
      } catch (error) {
        if (left <= 0) throw error;
      }
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

  /** Ends the versions of a model; requests in flight are waited for. */
  async function takeDown(name: string): Promise<void> {
    const versions = models.get(name);
    if (!versions) return;
    for (const version of versions.values()) if (version.ready) version.state = "UNLOADING";
    const closing = closeVersions(name, versions).then(() => {
      for (const [number, version] of versions)
        versions.set(number, { state: "UNAVAILABLE", reason: version.ready ? "unloaded" : version.reason });
    });
    await Promise.race([closing, delay(UNLOAD_PATIENCE_MS, undefined, { ref: false })]);
  }

  const dependentsOf = (name: string): string[] =>
    [...polledModels].flatMap(([other, { config, dependencies }]) =>
      config.platform === "ensemble" && dependencies.includes(name) ? [other] : [],
    );

  /** Ensembles follow their members: a reloaded member brings them back, or down when they no longer fit. */
  async function reloadDependents(name: string): Promise<void> {
    for (const ensemble of dependentsOf(name)) {
      const polled = polledModels.get(ensemble)!;
      if (loading.has(ensemble)) continue;
      try {
        await loadDependencies(ensemble, polled, []);
        await replaceVersions(ensemble, polled);
        await reloadDependents(ensemble);
      } catch {
        // The fault is in the log and in the index.
      }
    }
  }

  async function unload(name: string, dependents = false): Promise<void> {
    const polled = polledModels.get(name);
    explicit.delete(name);
    overrides.delete(name);
    await takeDown(name);
    for (const ensemble of dependentsOf(name)) {
      if (!isReady(ensemble)) continue;
      log.error(
        "model_repository_manager",
        `Invalid argument: ensemble ${ensemble} contains models that are not available or ambiguous: ${name}`,
      );
      await unloadKeeping(ensemble);
    }
    polledModels.delete(name);
    if (!dependents || !polled) return;
    for (const member of polled.dependencies)
      if (!explicit.has(member) && !dependentsOf(member).some(isReady)) await unload(member, true);
  }

  /** Takes an ensemble down with its member, but remembers it for the member's return. */
  async function unloadKeeping(name: string): Promise<void> {
    await takeDown(name);
    for (const ensemble of dependentsOf(name)) if (isReady(ensemble)) await unloadKeeping(ensemble);
  }

  return {
    async load(name, override) {
      explicit.add(name);
      await load(name, [], override);
    },
    unload,
    async start(names) {
      let good = true;
      const found = await scanRepositories(options.repositories);
      const wanted = names.length > 0 ? names : [...found.keys()];
      for (const name of wanted) {
        explicit.add(name);
        if (isReady(name)) continue;
        await load(name).catch(() => {
          good = false;
        });
      }
      return good;
    },
    async poll() {
      const found = await scanRepositories(options.repositories);
      for (const name of polledModels.keys()) if (!found.has(name)) await unload(name);
      for (const name of found.keys()) await load(name).catch(() => {});
    },
    backends: () => [...backends],
    empty: () => [...empty],
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
      const names = [...(await scanRepositories(options.repositories)).keys()];
      return names.flatMap((name): IndexEntry[] => {
        const known = models.get(name);
        if (!known || known.size === 0) return [{ name }];
        return [...known]
          .sort(([a], [b]) => a - b)
          .map(([version, { state, reason }]) => ({
            name,
            // Triton takes -1 for "no version" when it prints.
            ...(version !== -1 && { version: String(version) }),
            state,
            ...(reason && { reason }),
          }));
      });
    },
  };
}
