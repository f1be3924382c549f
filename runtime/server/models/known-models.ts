/**
 * The server's record of each model besides its versions: frozen, by key, replaced as a whole.
 */
import { membersOf } from "./link-members.js";
import type { ModelIds } from "./model-ids.js";
import type { Override } from "./override.js";
import type { PolledModel } from "./polled-model.js";

export interface KnownModel {
  /** Its folder as it was read for the versions that serve; for an ensemble, already for those that load. */
  readonly polled?: PolledModel | undefined;
  /** The override of the load request that loaded it. */
  readonly override?: Override | undefined;
  /** Loaded by its name, and not only for an ensemble. */
  readonly isRequested?: boolean;
  /** Why its last load failed. */
  readonly failure?: string | undefined;
}

const UNKNOWN: KnownModel = Object.freeze({});

export class KnownModels {
  readonly #models = new Map<string, KnownModel>();
  readonly #ids: ModelIds;

  constructor(ids: ModelIds) {
    this.#ids = ids;
  }

  of(key: string): KnownModel {
    return this.#models.get(key) ?? UNKNOWN;
  }

  /** Replaces the fields that are given; a record of which nothing is left is dropped. */
  change(key: string, changes: KnownModel): void {
    const before = this.of(key);
    const after = Object.freeze({ ...before, ...changes });
    // Ensembles follow their members in the order in which they were first loaded.
    if (after.polled && !before.polled) this.#models.delete(key);
    if (after.polled || after.override || after.isRequested || after.failure !== undefined)
      this.#models.set(key, after);
    else this.#models.delete(key);
  }

  /** Models whose folders were read, in the order of their loads; a snapshot. */
  polled(): readonly (readonly [key: string, polled: PolledModel])[] {
    return [...this.#models].flatMap(([key, { polled }]) => (polled ? [[key, polled] as const] : []));
  }

  /** Ensembles that are linked to the model as their member. */
  dependentsOf(key: string): readonly string[] {
    return this.#ensembles().flatMap(([ensemble, polled]) => (membersOf(polled).includes(key) ? [ensemble] : []));
  }

  /** Ensembles with a member of the model's name, in whichever repository. */
  naming(key: string): readonly (readonly [ensemble: string, polled: PolledModel])[] {
    const { name } = this.#ids.of(key);
    return this.#ensembles().filter(([, { dependencies }]) => dependencies.includes(name));
  }

  /** A model and the ensembles that name it, or name those. */
  withNaming(key: string, found = new Set<string>()): ReadonlySet<string> {
    if (found.has(key)) return found;
    found.add(key);
    for (const [ensemble] of this.naming(key)) this.withNaming(ensemble, found);
    return found;
  }

  /** The model that has `other` among its members: `key`, or one that it needs; undefined if it does not need it. */
  leadsTo(key: string, other: string, seen = new Set<string>()): string | undefined {
    seen.add(key);
    const { polled } = this.of(key);
    const members = polled ? membersOf(polled) : [];
    if (members.includes(other)) return key;
    for (const member of members) {
      const found = seen.has(member) ? undefined : this.leadsTo(member, other, seen);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #ensembles(): readonly (readonly [key: string, polled: PolledModel])[] {
    return this.polled().filter(([, { config }]) => config.platform === "ensemble");
  }
}
