/**
 * Models of one poll that are swapped in together: a plan and the models that it calls, if both are loaded anew. One by one, the old plan
 * would call the new model while the new plan loads: new scores over the old vocabulary.
 */
import { stat } from "node:fs/promises";
import { unfinishedExchange } from "../../../formats/folders/exchange-models.js";
import type { Versions } from "./model-states.js";
import type { PolledModel } from "./polled-model.js";

/** Loaded versions that wait to be swapped in, by key; empty afterwards. */
export type Ahead = ReadonlyMap<string, Versions>;

export interface SwapGroup {
  has(key: string): boolean;
  /** For the plan of the group, which calls the new versions. */
  readonly ahead: Ahead;
  /** @param how.put swaps the versions in @param how.leave drops them */
  wait(key: string, versions: Versions, how: { put(): void; leave(): void }): void;
  /** Swaps all of them in, in one step. */
  put(): void;
  /** Drops the waiting versions; those that serve go on. @returns their keys */
  leave(): readonly string[];
}

interface Rules {
  /** Whether a model that serves now may go on until the others are loaded. */
  mayWait(key: string): boolean;
  /** Key of the model that another one refers to by name. */
  keyOf(name: string, key: string): string | undefined;
}

/** The group of a poll: each plan that is loaded anew with a model that it calls. @param anew the models to load */
export function swapGroup(anew: ReadonlyMap<string, PolledModel>, { mayWait, keyOf }: Rules): SwapGroup {
  const keys = new Set<string>();
  for (const [plan, { config, dependencies }] of anew) {
    if (config.backend !== "merlon" || !mayWait(plan)) continue;
    const asked = dependencies.flatMap(name => keyOf(name, plan) ?? []).filter(key => anew.has(key) && mayWait(key));
    if (asked.length > 0) for (const key of [plan, ...asked]) keys.add(key);
  }
  const ahead = new Map<string, Versions>();
  const waiting: { put(): void; leave(): void }[] = [];
  return {
    has: key => keys.has(key),
    ahead,
    wait(key, versions, how) {
      ahead.set(key, versions);
      waiting.push(how);
    },
    put() {
      for (const { put } of waiting.splice(0)) put();
      ahead.clear();
    },
    leave() {
      for (const { leave } of waiting.splice(0)) leave();
      const left = [...ahead.keys()];
      ahead.clear();
      return left;
    },
  };
}

/**
 * Changes when an entry of a repository is replaced by renaming, as `merlon build` replaces models. A poll that reads models one by one during
 * the change has seen a part of each.
 */
export async function marksOf(repositories: readonly string[]): Promise<string> {
  const marks = repositories.map(async root => {
    const found = await stat(root).catch(() => undefined);
    return found ? `${found.dev}:${found.ino}:${found.mtimeMs}:${unfinishedExchange(root)?.by ?? ""}` : "";
  });
  return (await Promise.all(marks)).join(" ");
}
