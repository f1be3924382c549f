/** The space of the ids in a column: raw ids of an entity, or codes of a vocabulary. A property of the column. */
import type { ColumnSchema } from "./schema.js";

/** The property of a column of ids: the spaces of its values, several after a union of candidates. */
export const ID_SPACES = "ids";

/** `raw`: the ids that data and clients have. `codes`: what a workflow made of them. */
export interface IdSpace {
  readonly kind: "raw" | "codes";
  /** Column of the data, join key of the store, or column that the workflow encoded. */
  readonly of: string;
}

type Columned = Pick<ColumnSchema, "properties">;

/** None for a column of unknown space. */
export function spacesOf({ properties }: Columned): readonly IdSpace[] {
  const spaces = properties[ID_SPACES];
  return Array.isArray(spaces) ? (spaces as unknown as readonly IdSpace[]) : [];
}

export const codesOf = (column: Columned): IdSpace | undefined => spacesOf(column).find(({ kind }) => kind === "codes");

/** The property of these spaces, each once; nothing for none. */
export function idSpaces(spaces: readonly IdSpace[]): ColumnSchema["properties"] {
  const each = [...new Map(spaces.map(({ kind, of }) => [`${kind} ${of}`, { kind, of }])).values()];
  return each.length === 0 ? {} : { [ID_SPACES]: each };
}
