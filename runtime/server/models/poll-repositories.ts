/**
 * Makes the loaded models agree with the repositories: loads new and changed ones, unloads removed ones.
 */
import { loadAll } from "./load-all.js";
import type { ModelSet } from "./model-set.js";
import { type Found, type Step, stateOf, stepOfPoll } from "./next-step.js";
import type { PolledModel } from "./polled-model.js";
import type { Round } from "./read-models.js";
import { marksOf } from "./swap-group.js";
import { unload } from "./unload-model.js";

/** How often a poll starts over because the repositories change while it reads them. */
const ATTEMPTS = 3;

export async function pollRepositories(set: ModelSet): Promise<void> {
  for (let left = ATTEMPTS; left > 0; left--) if (await reconcile(set, left === 1)) return;
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
