/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { PbtxtError } from "../../triton-protos/pbtxt.js";
import { RuntimeFault } from "../errors.js";
import type { ServerLog } from "../server-log.js";
import { ensembleFault } from "./ensemble-fault.js";
import { fingerprint, scanRepositories } from "./layout.js";
import type { LoadOptions, ReadyVersion } from "./load-version.js";
import { type IndexEntry, ModelStates, UNLOADED } from "./model-states.js";
import { discardFiles, type Override } from "./override.js";
import {
  AmbiguousModel,
  changedOnlyInstances,
  isSameButForFiles,
  type PolledModel,
  pollModel,
  UnknownModel,
} from "./poll-model.js";
import { closeVersions, type FailedVersion, replaceVersions, WholeModelFault } from "./replace-versions.js";

export type { ReadyVersion } from "./load-version.js";
export type { IndexEntry, VersionState } from "./model-states.js";

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
  /** Versions that a back end once failed to load. */
  failed(): readonly FailedVersion[];
  /** Models that could be read and have no version to load. */
  empty(): readonly string[];
  /**
   * The version of a request: the greatest ready one for -1.
   * @param closing whether one will do that still ends its requests: an ensemble's members outlive it
   * @throws RuntimeFault
   */
  find(name: string, version: number | bigint, closing?: boolean): ReadyVersion;
  /** Ready versions of every model, by name and version. */
  ready(): readonly ReadyVersion[];
  /** Whether every wanted model is ready (strict readiness). */
  allReady(): boolean;
  index(): Promise<readonly IndexEntry[]>;
}

/** Triton's rule, told: it says nothing. */
const FILES_IGNORED =
  "the files of the load request are not read, since these versions serve with this configuration already; unload the model first, or send another version or configuration";

/** A real Triton's parser of text format writes its complaints by itself. */
function tellComplaints(log: ServerLog, { complaints }: PbtxtError): void {
  for (const { line, column, message } of complaints)
    log.library(
      "libprotobuf",
      "google/protobuf/text_format.cc:337",
      `Error parsing text-format inference.ModelConfig: ${line}:${column}: ${message}`,
    );
}

/** What one look at the repositories found: a model is read, and its fault is told, once. */
type Round = Map<string, Promise<PolledModel>>;

/** How long an unload call waits for requests in flight before it answers; they end all the same. */
const UNLOAD_PATIENCE_MS = 100;

const CYCLE = /^circular dependency/;
const cycleOf = (member: string, ensemble: string): string =>
  `circular dependency between ensembles: ${member} -> ... -> ${ensemble} -> ${member}`;

export function createRegistry(options: RegistryOptions): Registry {
  const { log } = options;
  const models = new ModelStates();
  const polledModels = new Map<string, PolledModel>();
  const overrides = new Map<string, Override>();
  /** Models that someone asked for, and not only an ensemble. */
  const explicit = new Set<string>();
  /** Why the last load of a model failed. */
  const failures = new Map<string, string>();
  const loading = new Map<string, Promise<void>>();
  const context = { options, models, backends: new Set<string>(), failed: new Map<string, FailedVersion>() };
  /** Models that were read and have no version. */
  const empty = new Set<string>();
  const isReady = (name: string): boolean => models.isReady(name);

  interface Loading {
    /** Ensembles on the way to this model. */
    readonly chain: readonly string[];
    readonly override?: Override | undefined;
    readonly round: Round;
  }

  const load = (name: string, how: Loading): Promise<void> => {
    const running = loading.get(name);
    if (running) return how.override ? running.catch(() => {}).then(() => load(name, how)) : running;
    const promise = loadOnce(name, how).finally(() => loading.delete(name));
    loading.set(name, promise);
    return promise;
  };

  async function loadOnce(name: string, { chain, override: given, round }: Loading): Promise<void> {
    const before = polledModels.get(name);
    const override = given ?? (await keptOverride(name, before));
    const polled = await read(name, override, round);
    try {
      if (before?.mark === polled.mark && isReady(name) && !given?.files.size) return;
      if (before && isReady(name) && given?.files.size && isSameButForFiles(before, polled)) {
        log.info("model_lifecycle", `${name}: ${FILES_IGNORED}`);
        await discardFiles(polled);
        return;
      }
      if (polled.config.platform === "ensemble") polledModels.set(name, polled);
      await loadDependencies(name, polled, chain, round);
      await replace(name, polled, before);
    } catch (error) {
      if (polledModels.get(name) !== polled) await discardFiles(polled);
      throw error;
    }
    if (override) overrides.set(name, override);
    else overrides.delete(name);
    polledModels.set(name, polled);
    if (before && before !== polled) await discardFiles(before);
    await reloadDependents(name, round);
  }

  /** A configuration from a request outlives a plain reload until something in the model's folder changes; files from a request do not. */
  async function keptOverride(name: string, before: PolledModel | undefined): Promise<Override | undefined> {
    const kept = overrides.get(name);
    if (!kept || kept.files.size > 0 || !before) return undefined;
    return before.content === (await fingerprint(before.folder)) ? kept : undefined;
  }

  function read(name: string, override: Override | undefined, round: Round): Promise<PolledModel> {
    const known = override ? undefined : round.get(name);
    if (known) return known;
    const { assume } = options.around ?? {};
    const reading = pollModel(
      name,
      {
        ...options,
        assume,
        warn: text => log.warning("model_lifecycle", text),
        complain: text => log.error("model_repository_manager", text),
      },
      override,
    ).catch(error => {
      const fault = RuntimeFault.from(error, (error as Error).message);
      const { cause } = fault;
      if (cause instanceof PbtxtError) tellComplaints(log, cause);
      const bare = error instanceof UnknownModel || error instanceof AmbiguousModel;
      log.error(
        "model_repository_manager",
        bare ? fault.message : `Poll failed for model directory '${name}': ${fault.message}`,
      );
      if (cause instanceof PbtxtError && cause.complaints.length > 0)
        log.hint("model_repository_manager", cause.message);
      if (error instanceof AmbiguousModel && options.control === "explicit")
        log.error(
          "model_repository_manager",
          `failed to poll model '${name}': model not found in any model repository.`,
        );
      throw new RuntimeFault("INTERNAL", `failed to load '${name}', failed to poll from model repository`, {
        cause: error,
      });
    });
    if (!override) round.set(name, reading);
    return reading;
  }

  /** Members first; an ensemble without its members fails as a whole, other models report it when they load. */
  async function loadDependencies(
    name: string,
    polled: PolledModel,
    chain: readonly string[],
    round: Round,
  ): Promise<void> {
    const isEnsemble = polled.config.platform === "ensemble";
    const missing: string[] = [];
    for (const dependency of polled.dependencies) {
      if (dependency === name || chain.includes(dependency)) {
        const text = cycleOf(dependency, name);
        return failWhole(name, isEnsemble ? text : text.replace("ensembles", "models"));
      }
      if (isReady(dependency)) continue;
      if (isEnsemble && options.control !== "explicit" && !(await isThere(dependency))) {
        missing.push(dependency);
        continue;
      }
      await load(dependency, { chain: [...chain, name], round }).catch(error => {
        if (RuntimeFault.from(error).code === "INTERNAL") missing.push(dependency);
        if (!isEnsemble)
          log.error("model_repository_manager", `model '${name}' needs '${dependency}': ${(error as Error).message}`);
      });
    }
    if (!isEnsemble) return;
    const fault = ensembleFault(
      polled.config,
      missing,
      member => models.readyOf(member),
      member => failures.get(member),
    );
    if (!fault) return;
    // A member told of the cycle that it closes; the answer is the member's, the log has both.
    const closing = CYCLE.test(fault) && polled.dependencies.find(member => failures.get(member) === fault);
    await failWhole(name, fault, closing ? cycleOf(closing, name) : fault);
  }

  const isThere = async (name: string): Promise<boolean> => (await scanRepositories(options.repositories)).has(name);

  /** No version appears, and those that served go down. */
  async function failWhole(name: string, text: string, told = text): Promise<never> {
    log.error("model_repository_manager", `Invalid argument: ${told}`);
    await patiently(takeDown(name));
    failures.set(name, text);
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${text}\n`);
  }

  async function replace(name: string, polled: PolledModel, before: PolledModel | undefined): Promise<void> {
    for (const version of polled.config.version_policy?.specific?.versions ?? [])
      if (!polled.versions.some(found => found.version === version))
        log.error(
          "model_lifecycle",
          `version ${version} is specified for model '${name}', but the version directory is not present`,
        );
    if (polled.versions.length === 0) {
      const text = `at least one version must be available under the version policy of model '${name}'`;
      log.error("model_repository_manager", `failed to load model '${name}': ${text}`);
      if (!isReady(name)) {
        empty.add(name);
        if (!models.has(name)) models.set(name, new Map());
      }
      failures.set(name, text);
      throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${text}\n`);
    }
    const updated = before !== undefined && isReady(name) && changedOnlyInstances(before, polled);
    const faults = await replaceVersions(context, name, polled, updated).catch(error =>
      error instanceof WholeModelFault ? failWhole(name, error.message) : Promise.reject(error),
    );
    empty.delete(name);
    failures.delete(name);
    if (!faults) return;
    failures.set(name, faults.trimEnd());
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${name}': ${faults}`);
  }

  /** Ends the versions of a model when the requests in flight have; ensembles that need it end before it. @param cause of an ensemble */
  async function takeDown(name: string, cause?: string): Promise<void> {
    const versions = models.get(name);
    if (!versions) return;
    for (const version of versions.values()) if (version.ready) version.state = "UNLOADING";
    await Promise.all(
      dependentsOf(name)
        .filter(isReady)
        .map(ensemble => {
          const fault = cause
            ? `ensemble '${ensemble}' depends on '${name}' which is not valid. Model '${name}' failed with error: ${cause}`
            : `ensemble ${ensemble} contains models that are not available or ambiguous: ${name}`;
          log.error("model_repository_manager", `Invalid argument: ${fault}`);
          return takeDown(ensemble, fault);
        }),
    );
    await closeVersions(log, name, versions);
    for (const [number, { ready, reason }] of versions)
      versions.set(number, { state: "UNAVAILABLE", reason: ready ? UNLOADED : reason });
  }

  const patiently = (work: Promise<void>): Promise<void> =>
    Promise.race([work, delay(UNLOAD_PATIENCE_MS, undefined, { ref: false })]);

  const dependentsOf = (name: string): string[] =>
    [...polledModels].flatMap(([other, { config, dependencies }]) =>
      config.platform === "ensemble" && dependencies.includes(name) ? [other] : [],
    );

  /** Ensembles follow their members: a reloaded member brings them back, or down when they no longer fit. */
  async function reloadDependents(name: string, round: Round): Promise<void> {
    for (const ensemble of dependentsOf(name)) {
      const polled = polledModels.get(ensemble)!;
      if (loading.has(ensemble)) continue;
      try {
        await loadDependencies(ensemble, polled, [], round);
        await replace(ensemble, polled, undefined);
        await reloadDependents(ensemble, round);
      } catch {
        // The fault is in the log and in the index.
      }
    }
  }

  async function unload(name: string, dependents = false): Promise<void> {
    await loading.get(name)?.catch(() => {});
    const polled = polledModels.get(name);
    explicit.delete(name);
    overrides.delete(name);
    const down = takeDown(name).then(() => polled && discardFiles(polled));
    polledModels.delete(name);
    await patiently(down);
    if (!dependents || !polled) return;
    for (const member of polled.dependencies)
      if (!explicit.has(member) && !dependentsOf(member).some(isReady)) await unload(member, true);
  }

  /** Loads models that were read before: those without dependencies side by side, then the others. Answers whether all are ready. */
  async function loadAll(names: readonly string[], round: Round): Promise<boolean> {
    const polled = new Map<string, PolledModel>();
    for (const name of names) {
      const one = await read(name, overrides.get(name), round).catch(() => undefined);
      if (one) polled.set(name, one);
    }
    let good = polled.size === names.length;
    const loadOne = async (name: string): Promise<void> => {
      if (isReady(name) && polledModels.get(name)?.mark === polled.get(name)!.mark) return;
      await load(name, { chain: [], round }).catch(() => {
        good = false;
      });
    };
    const alone = [...polled].flatMap(([name, { dependencies }]) => (dependencies.length === 0 ? [name] : []));
    const queue = [...alone];
    await Promise.all(
      Array.from({ length: Math.max(1, options.loadsAtOnce ?? 1) }, async () => {
        for (let name = queue.shift(); name !== undefined; name = queue.shift()) await loadOne(name);
      }),
    );
    for (const name of polled.keys()) if (!alone.includes(name)) await loadOne(name);
    return good;
  }

  return {
    async load(name, override) {
      explicit.add(name);
      await load(name, { chain: [], override, round: new Map() });
    },
    unload,
    async start(names) {
      const wanted =
        names.length > 0 ? [...new Set(names)] : [...(await scanRepositories(options.repositories)).keys()];
      for (const name of wanted) explicit.add(name);
      return loadAll(wanted, new Map());
    },
    async poll() {
      const round: Round = new Map();
      const found = await scanRepositories(options.repositories);
      for (const name of [...polledModels.keys()]) if (!found.has(name)) await unload(name);
      const changed: string[] = [];
      for (const [name, places] of found) {
        const polled = await read(name, undefined, round).catch(() => undefined);
        if (places.length > 1 && isReady(name)) await unload(name);
        if (!polled) continue;
        const same = polledModels.get(name)?.mark === polled.mark;
        // An ensemble that failed waits for its members.
        if (!same || (!isReady(name) && polled.config.platform !== "ensemble")) changed.push(name);
      }
      await loadAll(changed, round);
    },
    backends: () => [...context.backends],
    failed: () => [...context.failed.values()],
    empty: () => [...empty],
    async stop() {
      await Promise.all([...models].map(([name, versions]) => closeVersions(log, name, versions)));
      models.clear();
      await Promise.all([...polledModels.values()].map(discardFiles));
    },
    find: (name, number, closing = false) => models.find(name, number, closing),
    ready: () => [...models.keys()].sort().flatMap(name => models.readyOf(name)),
    allReady: () => empty.size === 0 && models.settled(),
    index: async () => models.index(await scanRepositories(options.repositories)),
  };
}
