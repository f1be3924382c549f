/**
 * The models of a server: which exist, which versions are ready, and loading and unloading them.
 *
 * `known-models` has what is known of each model, `model-states` its versions. `next-step` decides the next step of a model. `load-model`,
 * `take-down` and `unload-model` apply it to one model and those that depend on it, `load-all` and `poll-repositories` to many.
 * `running-loads` keeps them from doing it twice at a time.
 */
import { takeDownDamaged } from "./damaged-version.js";
import { Generations } from "./generations.js";
import { KnownModels } from "./known-models.js";
import { loadAll } from "./load-all.js";
import { relink } from "./load-model.js";
import { loadNamed } from "./load-named.js";
import type { RegistryOptions } from "./load-options.js";
import { byId, idText, ModelIds } from "./model-ids.js";
import type { ModelSet } from "./model-set.js";
import { ModelStates } from "./model-states.js";
import { pollRepositories } from "./poll-repositories.js";
import { createReader, type Round } from "./read-models.js";
import type { Registry } from "./registry-types.js";
import { closeVersions } from "./replace-versions.js";
import { RunningLoads } from "./running-loads.js";
import { takeDown } from "./take-down.js";
import { unload } from "./unload-model.js";
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
    backends: () => [...set.backends],
    failed: () => [...set.failed.values()],
    empty: () => [...set.empty],
    marks: () =>
      new Map(
        set.known
          .polled()
          .flatMap(([key, { mark, upload }]) => (states.isReady(key) ? [[key, upload ? "" : mark] as const] : [])),
      ),
    stop: () => stop(set),
    find(name, number, how) {
      const key = locate(set, name, how?.near);
      const to = how?.ahead?.get(key);
      return (to ? new ModelStates([[key, to]]) : states).find(key, number, how?.closing ?? false);
    },
    ofGeneration: generation => set.generations.find(generation),
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
    backends: new Set(),
    failed: new Map(),
    empty: new Set(),
    closing: new WeakMap(),
    generations: new Generations(),
    onDamage: (key, ready, reason) =>
      void takeDownDamaged(set, key, ready, reason, () => takeDown(set, key, relink, reason)),
  };
  return set;
}

/** Loads every model, or those of these names with all that they name. */
async function start(set: ModelSet, names: readonly string[]): Promise<boolean> {
  const { reader, known, options, log } = set;
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
