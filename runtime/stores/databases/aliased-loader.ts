/**
 * Loads items into a collection behind an alias. A collection that is missing is made under a name of its own, with the store's name as its
 * alias. All items can thus be replaced at once: a new collection is loaded beside the old one, and the alias moves.
 */
import { randomBytes } from "node:crypto";
import { invalid } from "../../base/errors.js";
import type { VectorLoader, VectorRows } from "./vector-database.js";

/** Calls of a database to its collections. They reject with RuntimeFault. */
export interface Collections {
  /** Compares the collection of the store with its file, and readies it for searches. @returns whether there is one */
  check(): Promise<boolean>;
  /** @returns the collection that the store's name is an alias of; undefined if it is the name of a collection */
  aliased(): Promise<string | undefined>;
  /** Makes an empty collection with its index, ready for searches. */
  make(collection: string): Promise<void>;
  upsert(collection: string, rows: VectorRows): Promise<void>;
  /** @param ids counts these alone */
  count(collection: string, ids?: VectorRows["ids"]): Promise<number>;
  /** Moves the alias of the store's name to a collection, or makes it. */
  point(collection: string, isNew: boolean): Promise<void>;
  /** Waits until rows are durable and searches of them are fast. */
  settle(collection: string): Promise<void>;
  drop(collection: string): Promise<void>;
  close(): Promise<unknown>;
}

/** Names of collections that loads made: the store's name, then this. */
const MADE = "_load_";

/**
 * @param name collection or alias of the store
 * @param where the store in messages
 */
export function aliasedLoader(name: string, where: string, collections: Collections): VectorLoader {
  const make = async (): Promise<string> => {
    const made = `${name}${MADE}${Date.now().toString(36)}_${randomBytes(4).toString("hex")}`;
    await collections.make(made);
    return made;
  };
  /** The collection of the alias, and the one that replaces it. */
  let swapped: { readonly old: string; readonly made: string } | undefined;
  /** Items of the old collection that the new one has too. */
  let kept = 0;
  return {
    async create() {
      if (await collections.check()) return false;
      await collections.point(await make(), true);
      return true;
    },
    async upsert(rows) {
      await collections.upsert(swapped?.made ?? name, rows);
      if (swapped) kept += await collections.count(swapped.old, rows.ids);
    },
    finish: async () => collections.settle((await collections.aliased()) ?? name),
    swap: {
      async begin() {
        const old = await collections.aliased();
        if (old === undefined)
          throw invalid(
            `${where}: \`${name}\` is a collection, and \`--delete-missing\` moves an alias from the old items to the new ones. Load a collection of another name, and give it the alias \`${name}\` in the place of this one.`,
          );
        swapped = { old, made: await make() };
      },
      async end() {
        const { old, made } = swapped!;
        await collections.settle(made);
        const before = await collections.count(old);
        await collections.point(made, false);
        swapped = undefined;
        // A collection that its owner named is theirs.
        if (old.startsWith(name + MADE)) await collections.drop(old);
        return before - kept;
      },
    },
    async close() {
      try {
        if (swapped) await collections.drop(swapped.made);
      } finally {
        await collections.close();
      }
    },
  };
}
