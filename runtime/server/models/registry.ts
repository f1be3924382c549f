/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 *
 * `known-models` has what is known of each model, `model-states` its versions. `next-step` decides the next step of a model. `load-model`,
 * `take-down` and `unload-model` apply it to one model and those that depend on it, `load-all` and `poll-repositories` to many.
 * `running-loads` keeps them from doing it twice at a time.
 */

import { internal, RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { Generations } from "./generations.js";
import { KnownModels } from "./known-models.js";
import { loadAll } from "./load-all.js";
import { load, relink } from "./load-model.js";
import type { RegistryOptions } from "./load-options.js";
import { byId, idText, ModelIds } from "./model-ids.js";
import type { ModelSet } from "./model-set.js";
import { ModelStates } from "./model-states.js";
import { type Found, type Step, stateOf, stepOfPoll } from "./next-step.js";
import type { Override } from "./override.js";
import type { PolledModel } from "./polled-model.js";
import { createReader, type Round } from "./read-models.js";
import type { ReadyVersion } from "./ready-version.js";
import type { Registry } from "./registry-types.js";
import { closeVersions, type ReplaceContext } from "./replace-versions.js";
import { RunningLoads } from "./running-loads.js";
import { marksOf } from "./swap-group.js";
import { takeDown } from "./take-down.js";
import { buildsEnd } from "./unfinished-builds.js";
import { unload } from "./unload-model.js";
import { moved, UNAVAILABLE } from "./version-state.js";
import { emptyWayOut } from "./way-out.js";

export function createRegistry(options: RegistryOptions): Registry {
  const set = createModelSet(options);
  const { states, ids, reader } = set;
  return {
    load: (name, override) => loadNamed(set, name, override),
    async unload(name, dependents) {
      for (const key of ids.repeats ? ids.named(name) : [name]) await unload(set, key, dependents);
    },
    start: names => reader.atOnce(() => start(set, names)),
    poll: () => pollRepositories(set),
    failed: () => [...set.failed.values()],
    empty: () => [...set.empty],
    marks: () =>
      new Map(set.known.polled().flatMap(([key, { mark }]) => (states.isReady(key) ? [[key, mark] as const] : []))),
    stop: () => stop(set),
    find(name, number, how) {
      const key = locate(set, name, how?.near);
      const to = how?.ahead?.get(key);
      return (to ? new ModelStates([[key, to]]) : states).find(key, number, how?.closing ?? false);
    },
    ofGeneration: generation => set.generations.find(generation),
    damaged({ key, generation, reason }) {
      const ready = set.generations.find(generation);
      if (ready) unloadDamaged(set, key, ready, reason);
    },
    released: generation => set.generations.released(generation),
    ready: () => [...states.keys()].sort((a, b) => byId(ids.of(a), ids.of(b))).flatMap(key => states.readyOf(key)),
    allReady: () => set.empty.size === 0 && states.settled(),
    index: async () => states.index(await reader.scan()),
  };
}

function createModelSet(options: RegistryOptions): ModelSet {
  const ids = new ModelIds(options.namespacing ?? false);
  const set: ModelSet = {
    options,
    log: options.log,
    ids,
    states: new ModelStates(),
    known: new KnownModels(ids),
    loads: new RunningLoads(),
    reader: createReader(options, ids),
    failed: new Map(),
    empty: new Set(),
    closing: new WeakMap(),
    generations: new Generations(),
    onDamage(key, ready, reason) {
      const { generation } = ready;
      if (generation !== undefined) options.agreement?.damaged({ key, generation, reason });
      unloadDamaged(set, key, ready, reason);
    },
  };
  return set;
}

const unloadDamaged = (set: ModelSet, key: string, ready: ReadyVersion, reason: string): void =>
  inBackground(
    takeDownDamaged(set, key, ready, reason, () => takeDown(set, key, relink, reason)),
    `unloading '${key}'`,
  );

/** Loads every model, or those of these names with all that they name. */
async function start(set: ModelSet, names: readonly string[]): Promise<boolean> {
  const { reader, known, options, log } = set;
  await buildsEnd(options.repositories, log);
  const found = await reader.scan();
  const way = emptyWayOut(options.repositories, found.size === 0 && options.control !== "explicit");
  if (way) log.hint("model_repository_manager", way);
  const unique = [...new Set(names)];
  const wanted = names.length > 0 ? (await Promise.all(unique.map(reader.placesOf))).flat() : [...found.keys()];
  for (const key of wanted) known.change(key, { isRequested: true });
  const round: Round = new Map();
  const named = names.length > 0 ? (await reader.namedBy(wanted, undefined, round)).found : [];
  return loadAll(set, [...wanted, ...named.map(([key]) => key)], round);
}

async function stop(set: ModelSet): Promise<void> {
  const { states, known } = set;
  states.stopped = true;
  await Promise.all([...states].map(([key, versions]) => closeVersions(set, key, versions)));
  states.clear();
  await Promise.all(known.polled().map(([, { upload }]) => upload?.discard()));
}

/** The key of a named model. @param near the repository that precedes others @throws RuntimeFault */
function locate({ ids, states }: ModelSet, name: string, near: string | undefined): string {
  if (near === undefined || !ids.repeats) return ids.resolve(name);
  const own = idText({ namespace: near, name });
  return states.has(own) ? own : (ids.near(name, near) ?? ids.resolve(name));
}

/**
 * A version that serves, and whose files turned out not to be what was written: it answers no more, and the index says why.
 * @param takeDown ends the model and the ensembles that need it
 */
async function takeDownDamaged(
  context: Pick<ReplaceContext, "closing" | "log" | "states" | "generations" | "options">,
  key: string,
  ready: ReadyVersion,
  reason: string,
  takeDown: () => Promise<void>,
): Promise<void> {
  const { log, states } = context;
  const versions = states.get(key);
  const version = versions?.get(ready.version);
  // A newer one has taken its place meanwhile.
  if (!versions || version?.ready !== ready) return;
  log.error("model_lifecycle", `unloading '${key}' version ${ready.version}: ${reason}`);
  // The other workers get no more answers of it.
  context.generations.delete(ready);
  if (states.readyOf(key).length > 1) {
    const unloading = moved(version, "unload");
    versions.set(ready.version, unloading);
    await closeVersions(context, key, new Map([[ready.version, unloading]]));
  } else await takeDown();
  versions.set(ready.version, Object.freeze({ ...UNAVAILABLE, reason: `Invalid argument: ${reason}` }));
}

/**
 * Loads the models of a name for a load request, and those of all repositories that they name: each may be the requested one.
 * @throws RuntimeFault with Triton's text
 */
async function loadNamed(set: ModelSet, name: string, override: Override | undefined): Promise<void> {
  const { reader, known, states } = set;
  await buildsEnd(set.options.repositories, set.log);
  const round: Round = new Map();
  const keys = override?.files.size ? [name] : await reader.placesOf(name);
  for (const key of keys) known.change(key, { isRequested: true });
  const { found: around, whole } = await reader.namedBy(keys, override, round);
  const faults: RuntimeFault[] = [];
  for (const [key, polled] of around)
    if (polled.dependencies.length === 0) await load(set, key, { round }).catch(() => {});
  for (const key of keys)
    await load(set, key, { round, override, isRequest: true }).catch(error =>
      faults.push(RuntimeFault.from(error, (error as Error).message)),
    );
  for (const [key] of around)
    if (!states.isReady(key) && known.of(key).failure === undefined) await load(set, key, { round }).catch(() => {});
  const failed = faults.filter(({ code }) => code !== "INTERNAL");
  if (failed.length > 1) throw new RuntimeFault(failed[0]!.code, failed.map(({ message }) => message).join(""));
  if (faults.length > 0) throw failed[0] ?? faults[0];
  if (!whole) throw internal(`failed to load '${name}', failed to poll from model repository`);
}

/** How often a poll starts over because the repositories change while it reads them. */
const ATTEMPTS = 3;

/** Makes the loaded models agree with the repositories: loads new and changed ones, unloads removed ones. */
async function pollRepositories(set: ModelSet): Promise<void> {
  const { repositories, log } = set.options;
  for (let left = ATTEMPTS; left > 0; left--) {
    if (!(await buildsEnd(repositories, log))) return;
    if (await reconcile(set, left === 1)) return;
  }
}

/** @param isLast whether to use what it finds though the repositories change meanwhile @returns whether it did */
async function reconcile(set: ModelSet, isLast: boolean): Promise<boolean> {
  const { reader, known, states, options } = set;
  const marks = await marksOf(options.repositories);
  const isWhole = async (): Promise<boolean> => isLast || marks === (await marksOf(options.repositories));
  const round: Round = new Map();
  const places = await reader.scan();
  const read = new Map<string, PolledModel>();
  for (const key of places.keys()) {
    const one = await reader.read(key, undefined, round).catch(() => undefined);
    if (one) read.set(key, one);
  }
  if (!(await isWhole())) return false;
  const foundOf = (key: string): Found => {
    const place = places.get(key);
    if (!place) return "gone";
    if (place.folders.length > 1) return "ambiguous";
    const polled = read.get(key);
    if (!polled) return "unreadable";
    return known.of(key).polled?.mark === polled.mark ? "same" : "changed";
  };
  const stepOf = (key: string): Step =>
    stepOfPoll(stateOf(read.get(key) ?? known.of(key).polled, states.isReady(key)), foundOf(key));
  const gone = known.polled().flatMap(([key]) => (places.has(key) ? [] : [key]));
  for (const key of [...gone, ...places.keys()]) if (stepOf(key) === "unload") await unload(set, key);
  const anew = [...read.keys()].filter(key => stepOf(key) === "load");
  await loadAll(set, anew, round, isWhole);
  return isWhole();
}
