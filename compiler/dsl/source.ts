/**
 * Sources of columns: a request, a table, or one of Merlin's schema files.
 */

import type { ArtefactOf, PathOf } from "./artefacts.js";
import type { ColumnsOf, ColumnType } from "./column.js";
import { Node } from "./node.js";

/**
 * Declares the columns that arrive from outside: the request of an ensemble, the table of a workflow.
 * @example const request = source({ user_id: "int64" });
 */
export function source<const D extends Readonly<Record<string, ColumnType>>>(
  columns: D,
  site?: number,
): Node<ColumnsOf<D>, ColumnsOf<D>> {
  return new Node({ kind: "source", columns }, site);
}

/**
 * Takes the columns, with their tags and properties, from one of Merlin's schema files, as NVTabular and Merlin's tools write them.
 * @param path `.merlin/schema.json` or `schema.pbtxt`, or a folder that holds one of them; relative to this file
 * @example const events = source.fromSchema("data/train");
 */
source.fromSchema = <const P extends PathOf<"schema">>(
  path: P,
  site?: number,
): Node<[ArtefactOf<P, "schema">] extends [never] ? string : ArtefactOf<P, "schema">["columns"]> =>
  new Node({ kind: "schema", path }, site);
