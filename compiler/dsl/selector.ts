/**
 * Selectors of columns beside their names: tags, and `"*"` for all of them.
 */

/** Columns that carry any of these tags. */
export class Tag {
  readonly kind = "tag";
  constructor(readonly tags: readonly string[]) {}
}

/** Tags that Merlin's tools know. Any other text is a tag too. */
export type KnownTag =
  | "categorical"
  | "continuous"
  | "list"
  | "sequence"
  | "text"
  | "tokenized"
  | "time"
  | "embedding"
  | "id"
  | "user"
  | "item"
  | "session"
  | "context"
  | "target"
  | "regression"
  | "classification"
  | "binary"
  | "multi_class";

/**
 * Selects the columns that carry any of the tags, in the node's order.
 * @example node[tag("user")], node - tag("target"), node.pick(tag("user", "item"))
 */
export const tag = (...tags: (KnownTag | (string & {}))[]): Tag => new Tag(tags);

/** One selection of columns: a name (`"*"` is every column), or tags. */
export type ColumnSelector = string | { readonly tags: readonly string[] };

/**
 * One selection as the graph holds it. A group, written as a list in a list (`[["item_id", "brand"]]`), is several columns that an operator
 * takes together. They are still columns of the node.
 */
export type Selector = ColumnSelector | { readonly group: readonly ColumnSelector[] };

export const isTag = (value: unknown): value is Tag => value instanceof Tag;
