/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import { takeDownDamaged } from "./damaged-version.js";
import { ensembleFault } from "./ensemble-fault.js";
import { linkMembers, membersOf } from "./link-members.js";
import type { RegistryOptions } from "./load-options.js";
import { byId, idText, ModelIds } from "./model-ids.js";
import { ModelStates, UNLOADED } from "./model-states.js";
import type { Override } from "./override.js";
import { isSameButForFiles, unchangedVersions } from "./poll-model.js";
import type { PolledModel } from "./polled-model.js";
import { createReader, type Round } from "./read-models.js";
import type { FailedVersion, ReadyVersion } from "./ready-version.js";
import type { Registry } from "./registry-types.js";
import { closeVersions, replaceVersions, WholeModelFault } from "./replace-versions.js";
import { marksOf, type SwapGroup, swapGroup } from "./swap-group.js";

/** Triton's rule, told: it says nothing. */
const FILES_IGNORED =
  "the files of the load request are not read, since these versions serve with this configuration already; unload the model first, or send another version or configuration";

/** How often a poll looks again at repositories that change while it looks. */
const LOOKS = 3;

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
  const ids = new ModelIds(options.namespacing ?? false);
  const context = {
    options,
    models,
    ids,
    backends: new Set<string>(),
    failed: new Map<string, FailedVersion>(),
    onDamage: (key: string, ready: ReadyVersion, reason: string) =>
      void takeDownDamaged({ log, models }, key, ready, reason, () => takeDown(key, reason)),
  };
  /** Models that were read and have no version. */
  const empty = new Set<string>();
  const { atOnce, scan, placesOf, read, namedBy, contentOf } = createReader(options, ids);
  const isReady = (name: string): boolean => models.isReady(name);

  interface Loading {
    /** A client asked for it, and not a look at the repositories or an ensemble. */
    readonly isRequest?: boolean;
    /** Ensembles on the way to this model. */
    readonly chain: readonly string[];
    readonly override?: Override | undefined;
    readonly round: Round;
    /** Models that take their places with it, if any do. */
    readonly group?: SwapGroup | undefined;
  }

  const load = (key: string, how: Loading): Promise<void> => {
    const running = loading.get(key);
    if (!running) return begin(key, how);
    // A request is about files as they are now, which a load that has begun may not have seen.
    if (!how.isRequest) return running;
    const anew = { ...how, round: new Map() };
    const next = (): Promise<void> => (how.override ? load(key, anew) : (loading.get(key) ?? begin(key, anew)));
    return running.catch(() => {}).then(next);
  };

  const begin = (key: string, how: Loading): Promise<void> => {
    const promise = loadOnce(key, how).finally(() => loading.delete(key));
    loading.set(key, promise);
    return promise;
  };

  async function loadOnce(key: string, { chain, override: given, round, group }: Loading): Promise<void> {
    const before = polledModels.get(key);
    const override = given ?? (await keptOverride(key, before));
    let polled = await read(key, override, round);
    try {
      if (before?.mark === polled.mark && isReady(key) && !given?.files.size) return;
      if (before && isReady(key) && given?.files.size && isSameButForFiles(before, polled)) {
        log.info("model_lifecycle", `${key}: ${FILES_IGNORED}`);
        await polled.upload?.discard();
        return;
      }
      if (polled.config.platform === "ensemble") polledModels.set(key, polled);
      polled = await loadDependencies(key, polled, chain, round);
      if (polledModels.has(key) && polled.config.platform === "ensemble") polledModels.set(key, polled);
      await replace(key, polled, before, group);
    } catch (error) {
      if (polledModels.get(key) !== polled) await polled.upload?.discard();
      throw error;
    }
    if (override) overrides.set(key, override);
    else overrides.delete(key);
    polledModels.set(key, polled);
    if (before && before !== polled) await before.upload?.discard();
    await reloadDependents(key, round);
  }

  /** A configuration from a request outlives a plain reload until something in the model's folder changes; files from a request do not. */
  async function keptOverride(key: string, before: PolledModel | undefined): Promise<Override | undefined> {
    const kept = overrides.get(key);
    if (!kept || kept.files.size > 0 || !before) return undefined;
    return before.content === (await contentOf(before.folder)) ? { ...kept, kept: true } : undefined;
  }

  /**
   * Members first; an ensemble without its members fails as a whole, other models report it when they load.
   * @returns the model with the repositories of its members filled in
   */
  async function loadDependencies(
    key: string,
    polled: PolledModel,
    chain: readonly string[],
    round: Round,
  ): Promise<PolledModel> {
    const isEnsemble = polled.config.platform === "ensemble";
    const { namespace } = ids.of(key);
    const missing: string[] = [];
    for (const dependency of polled.dependencies) {
      const member = ids.near(dependency, namespace);
      if (member === undefined) {
        missing.push(dependency);
        continue;
      }
      if (member === key || chain.includes(member)) {
        const text = cycleOf(member, key);
        return failWhole(key, isEnsemble ? text : text.replace("ensembles", "models"));
      }
      if (isReady(member)) continue;
      if (isEnsemble && options.control !== "explicit" && !(await scan()).has(member)) {
        missing.push(dependency);
        continue;
      }
      await load(member, { chain: [...chain, key], round }).catch(error => {
        if (RuntimeFault.from(error).code === "INTERNAL") missing.push(dependency);
        if (!isEnsemble)
          log.error("model_repository_manager", `model '${key}' needs '${dependency}': ${(error as Error).message}`);
      });
    }
    if (!isEnsemble) return polled;
    const linked = linkMembers(polled, member => ids.of(ids.near(member, namespace) ?? member).namespace);
    const fault = ensembleFault(
      key,
      linked.config,
      missing,
      member => models.readyOf(member),
      member => failures.get(member),
    );
    if (!fault) return linked;
    // A member told of the cycle that it closes; the answer is the member's, the log has both.
    const closing = CYCLE.test(fault) && membersOf(linked).find(member => failures.get(member) === fault);
    return failWhole(key, fault, closing ? cycleOf(closing, key) : fault);
  }

  /** No version appears, and those that served go down. */
  async function failWhole(key: string, text: string, told = text): Promise<never> {
    log.error("model_repository_manager", `Invalid argument: ${told}`);
    await patiently(takeDown(key));
    failures.set(key, text);
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${key}': ${text}\n`);
  }

  async function replace(
    key: string,
    polled: PolledModel,
    before: PolledModel | undefined,
    group?: SwapGroup,
  ): Promise<void> {
    for (const version of polled.config.version_policy?.specific?.versions ?? [])
      if (!polled.versions.some(found => found.version === version))
        log.error(
          "model_lifecycle",
          `version ${version} is specified for model '${key}', but the version directory is not present`,
        );
    if (polled.versions.length === 0) {
      const text = `at least one version must be available under the version policy of model '${key}'`;
      log.error("model_repository_manager", `failed to load model '${key}': ${text}`);
      if (!isReady(key)) {
        empty.add(key);
        if (!models.has(key)) models.set(key, new Map());
      }
      failures.set(key, text);
      throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${key}': ${text}\n`);
    }
    const updated = before !== undefined && isReady(key) ? unchangedVersions(before, polled) : new Set<ModelVersion>();
    const faults = await replaceVersions(context, key, polled, updated, group).catch(error =>
      error instanceof WholeModelFault ? failWhole(key, error.message) : Promise.reject(error),
    );
    empty.delete(key);
    failures.delete(key);
    if (!faults) return;
    failures.set(key, faults.trimEnd());
    throw new RuntimeFault("INVALID_ARGUMENT", `load failed for model '${key}': ${faults}`);
  }

  /** Ends the versions of a model when the requests in flight have; ensembles that need it end before it. @param cause of an ensemble */
  async function takeDown(key: string, cause?: string): Promise<void> {
    const versions = models.get(key);
    if (!versions) return;
    for (const version of versions.values()) if (version.ready) version.state = "UNLOADING";
    const serving = dependentsOf(key).filter(isReady);
    // Those for which another repository has a model of that name go over to it.
    for (const ensemble of serving) if (otherMember(ensemble, key)) await relink(ensemble);
    await Promise.all(
      serving
        .filter(ensemble => !otherMember(ensemble, key))
        .map(ensemble => {
          const fault = cause
            ? `ensemble '${ensemble}' depends on '${key}' which is not valid. Model '${key}' failed with error: ${cause}`
            : `ensemble ${ensemble} contains models that are not available or ambiguous: ${ids.of(key).name}`;
          log.error("model_repository_manager", `Invalid argument: ${fault}`);
          return takeDown(ensemble, fault);
        }),
    );
    await closeVersions(log, key, versions);
    for (const [number, { ready, reason }] of versions)
      versions.set(number, { state: "UNAVAILABLE", reason: ready ? UNLOADED : reason });
  }

  const patiently = (work: Promise<void>): Promise<void> =>
    Promise.race([work, delay(UNLOAD_PATIENCE_MS, undefined, { ref: false })]);

  const dependentsOf = (key: string): string[] =>
    [...polledModels].flatMap(([other, polled]) =>
      polled.config.platform === "ensemble" && membersOf(polled).includes(key) ? [other] : [],
    );
  const otherMember = (ensemble: string, gone: string): boolean => {
    const other = ids.near(ids.of(gone).name, ids.of(ensemble).namespace);
    return other !== undefined && other !== gone && isReady(other);
  };

  /** Looks at an ensemble and its members again. */
  async function relink(ensemble: string, round: Round = new Map()): Promise<void> {
    try {
      const polled = await loadDependencies(ensemble, polledModels.get(ensemble)!, [], round);
      polledModels.set(ensemble, polled);
      await replace(ensemble, polled, undefined);
      await reloadDependents(ensemble, round);
    } catch {
      // The fault is in the log and in the index.
    }
  }

  /** Ensembles follow their members: a reloaded member brings them back, or down when they no longer fit. */
  async function reloadDependents(key: string, round: Round): Promise<void> {
    const { name } = ids.of(key);
    for (const [ensemble, polled] of [...polledModels]) {
      if (polled.config.platform !== "ensemble" || !polled.dependencies.includes(name) || loading.has(ensemble))
        continue;
      const member = ids.near(name, ids.of(ensemble).namespace);
      const hasAnother = member !== key && member !== undefined && membersOf(polled).includes(member);
      if (!hasAnother) await relink(ensemble, round);
    }
  }

  /** A model and the ensembles that name it, or name those. */
  function around(key: string, found = new Set<string>()): ReadonlySet<string> {
    if (found.has(key)) return found;
    found.add(key);
    const { name } = ids.of(key);
    for (const [other, { config, dependencies }] of polledModels)
      if (config.platform === "ensemble" && dependencies.includes(name)) around(other, found);
    return found;
  }

  /** An unload waits for loads that need the model, as in Triton: else an ensemble would be ready without its member. */
  async function loadsAround(key: string): Promise<void> {
    for (;;) {
      const running = [...around(key)].flatMap(name => loading.get(name) ?? []);
      if (running.length === 0) return;
      await Promise.allSettled(running);
    }
  }

  async function unload(key: string, dependents = false): Promise<void> {
    await loadsAround(key);
    const polled = polledModels.get(key);
    explicit.delete(key);
    overrides.delete(key);
    ids.delete(key);
    const down = takeDown(key).then(() => polled?.upload?.discard());
    polledModels.delete(key);
    await patiently(down);
    if (!dependents || !polled) return;
    for (const member of membersOf(polled))
      if (!explicit.has(member) && !dependentsOf(member).some(other => isReady(other) || loading.has(other)))
        await unload(member, true);
  }

  /**
   * Loads models that were read before: those without dependencies side by side, then the others. Answers whether all are ready.
   * @param isWhole whether the repositories are still as they were when they were read: else plans that changed with their models do not take their places
   */
  async function loadAll(
    names: readonly string[],
    round: Round,
    isWhole: () => Promise<boolean> = async () => true,
  ): Promise<boolean> {
    const polled = new Map<string, PolledModel>();
    for (const key of names) {
      const one = await read(key, overrides.get(key), round).catch(() => undefined);
      if (one) polled.set(key, one);
    }
    const group = swapGroup(polled, {
      // An ensemble that asks a member, too, is looked at again as soon as that is loaded.
      mayWait: key => isReady(key) && dependentsOf(key).length === 0,
      keyOf: (name, key) => ids.near(name, ids.of(key).namespace),
    });
    let good = polled.size === names.length;
    const loadOne = async (key: string): Promise<void> => {
      if (isReady(key) && polledModels.get(key)?.mark === polled.get(key)!.mark) return;
      await load(key, { chain: [], round, ...(group.has(key) && { group }) }).catch(() => {
        good = false;
      });
    };
    const alone = [...polled].flatMap(([key, { dependencies }]) => (dependencies.length === 0 ? [key] : []));
    const queue = [...alone];
    await Promise.all(
      Array.from({ length: Math.max(1, options.loadsAtOnce ?? 1) }, async () => {
        for (let key = queue.shift(); key !== undefined; key = queue.shift()) await loadOne(key);
      }),
    );
    for (const key of polled.keys()) if (!alone.includes(key)) await loadOne(key);
    if (await isWhole()) group.put();
    // Like nothing that was ever read, so that the next look loads them.
    else for (const key of group.leave()) polledModels.set(key, { ...polled.get(key)!, mark: "", files: new Map() });
    return good;
  }

  async function start(names: readonly string[]): Promise<boolean> {
    const found = await scan();
    const wanted = names.length > 0 ? (await Promise.all([...new Set(names)].map(placesOf))).flat() : [...found.keys()];
    for (const key of wanted) explicit.add(key);
    const round: Round = new Map();
    const around = names.length > 0 ? (await namedBy(wanted, undefined, round)).found : [];
    return loadAll([...wanted, ...around.map(([key]) => key)], round);
  }

  /** The models of a name, and those of all repositories that they name: each may be the one that is meant. */
  async function loadNamed(name: string, override: Override | undefined): Promise<void> {
    const round: Round = new Map();
    const asked = override?.files.size ? [name] : await placesOf(name);
    for (const key of asked) explicit.add(key);
    const { found: around, whole } = await namedBy(asked, override, round);
    const faults: RuntimeFault[] = [];
    const load1 = (key: string, how: Partial<Loading>): Promise<void> => load(key, { chain: [], round, ...how });
    for (const [key, polled] of around) if (polled.dependencies.length === 0) await load1(key, {}).catch(() => {});
    for (const key of asked)
      await load1(key, { override, isRequest: true }).catch(error =>
        faults.push(RuntimeFault.from(error, (error as Error).message)),
      );
    for (const [key] of around) if (!isReady(key) && !failures.has(key)) await load1(key, {}).catch(() => {});
    const failed = faults.filter(({ code }) => code !== "INTERNAL");
    if (failed.length > 1) throw new RuntimeFault(failed[0]!.code, failed.map(({ message }) => message).join(""));
    if (faults.length > 0) throw failed[0] ?? faults[0];
    if (!whole) throw new RuntimeFault("INTERNAL", `failed to load '${name}', failed to poll from model repository`);
  }

  /** @param last takes what it finds though the repositories change meanwhile @returns whether it did */
  async function look(last: boolean): Promise<boolean> {
    const marks = await marksOf(options.repositories);
    const isWhole = async (): Promise<boolean> => last || marks === (await marksOf(options.repositories));
    const round: Round = new Map();
    const found = await scan();
    const polled = new Map<string, PolledModel>();
    for (const key of found.keys()) {
      const one = await read(key, undefined, round).catch(() => undefined);
      if (one) polled.set(key, one);
    }
    if (!(await isWhole())) return false;
    for (const key of [...polledModels.keys()]) if (!found.has(key)) await unload(key);
    for (const [key, { folders }] of found) if (folders.length > 1 && isReady(key)) await unload(key);
    const changed = [...polled].flatMap(([key, { mark, config }]) => {
      const same = polledModels.get(key)?.mark === mark;
      // An ensemble that failed waits for its members.
      return !same || (!isReady(key) && config.platform !== "ensemble") ? [key] : [];
    });
    await loadAll(changed, round, isWhole);
    return isWhole();
  }

  /** @throws RuntimeFault */
  const locate = (name: string, near: string | undefined): string => {
    if (near === undefined || !ids.repeats) return ids.resolve(name);
    const own = idText({ namespace: near, name });
    return models.has(own) ? own : (ids.near(name, near) ?? ids.resolve(name));
  };

  return {
    load: loadNamed,
    async unload(name, dependents) {
      for (const key of ids.repeats ? ids.named(name) : [name]) await unload(key, dependents);
    },
    start: names => atOnce(() => start(names)),
    async poll() {
      for (let looks = LOOKS; looks > 0; looks--) if (await look(looks === 1)) return;
    },
    backends: () => [...context.backends],
    failed: () => [...context.failed.values()],
    empty: () => [...empty],
    async stop() {
      await Promise.all([...models].map(([key, versions]) => closeVersions(log, key, versions)));
      models.clear();
      await Promise.all([...polledModels.values()].map(({ upload }) => upload?.discard()));
    },
    find(name, number, how) {
      const key = locate(name, how?.near);
      const to = how?.ahead?.get(key);
      return (to ? new ModelStates([[key, to]]) : models).find(key, number, how?.closing ?? false);
    },
    ready: () => [...models.keys()].sort((a, b) => byId(ids.of(a), ids.of(b))).flatMap(key => models.readyOf(key)),
    allReady: () => empty.size === 0 && models.settled(),
    index: async () => models.index(await scan()),
  };
}
