/**
 * Models of one look at the repositories that take their places together: a plan, and the models that it asks, where both are loaded anew. One by one, requests
 * would meet the old plan with the new model for as long as the plan loads: new scores over the old vocabulary.
 */
import { stat } from "node:fs/promises";
import type { Versions } from "./model-states.js";
import type { PolledModel } from "./polled-model.js";

/** Versions that are loaded and wait for their place, by key; empty once they have it. */
export type Ahead = ReadonlyMap<string, Versions>;

export interface Together {
  has(key: string): boolean;
  /** For the plan that is loaded for them, which asks those to come. */
  readonly ahead: Ahead;
  /** @param put gives the versions their place */
  wait(key: string, versions: Versions, how: { put(): void; leave(): void }): void;
  /** Gives all their places, in one step. */
  put(): void;
  /** Lets those that wait go: what serves goes on. @returns their keys */
  leave(): readonly string[];
}

interface Rules {
  /** Whether a model that serves now may go on until the others are loaded. */
  mayWait(key: string): boolean;
  /** The model that is meant by a name in another one. */
  keyOf(name: string, key: string): string | undefined;
}

/** @param anew models to load: of these each plan, and the models that it asks */
export function plansWithModels(anew: ReadonlyMap<string, PolledModel>, { mayWait, keyOf }: Rules): Together {
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
 * What changes when something in a repository is put in the place of something else by renaming, as `merlon build` does with a whole one: a look at models one by
 * one that it falls into has seen a part of each.
 */
export async function marksOf(repositories: readonly string[]): Promise<string> {
  const marks = repositories.map(async root => {
    const found = await stat(root).catch(() => undefined);
    return found ? `${found.dev}:${found.ino}:${found.mtimeMs}` : "";
  });
  return (await Promise.all(marks)).join(" ");
}
