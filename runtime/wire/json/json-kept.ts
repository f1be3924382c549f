/**
 * Which parts of a JSON document a route reads. The rest is checked and left out, so that it takes no memory.
 */
export interface Kept {
  /** Members by name. */
  readonly members?: ReadonlyMap<string, Kept>;
  /** Strings that are likely here, as keys of an object or as the value: they are found without a copy of their bytes. */
  readonly likely?: readonly string[];
  /** Members that are not in `members`. */
  readonly others?: Kept;
  readonly items?: Kept;
  /** Items at most. */
  readonly mostItems?: number;
  /** Lists are read as `DataList`s. */
  readonly isData?: true;
  /** Objects are `Members`, which name keys that occur more than once. */
  readonly notesRepeats?: true;
}

/** A scalar; lists and objects in its place are empty. */
export const SCALAR: Kept = {};
export const EVERYTHING: Kept = (() => {
  const all: { others?: Kept; items?: Kept } = {};
  all.others = all;
  all.items = all;
  return all;
})();
export const SCALARS: Kept = { others: SCALAR };
export const membersOf = (members: Readonly<Record<string, Kept>>): Kept => ({
  members: new Map(Object.entries(members)),
  likely: Object.keys(members),
});

/**
 * Bytes that values take until a request is done, its copies in the data plane included. Their sums bound the memory of a request beside
 * its tensors; no request that a model accepts is near them.
 */
export const COST = { object: 320, member: 48, parameter: 224, list: 120, item: 40, data: 400 };
