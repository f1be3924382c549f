/**
 * A Feast repository as plain values: what `writeFeastRepository` needs to know, and the check that it holds together.
 */

import type { FeastScalar } from "../../../formats/feast/encode-feast-value.js";
import { isKeyType } from "../../../formats/feast/feast-key.js";
import { type FeastType, feastType } from "../../../formats/feast/feast-type.js";

export interface FeastEntityDescription {
  readonly name: string;
  readonly joinKey: string;
  readonly type: FeastType;
  readonly description?: string;
}

/** One column of rows: scalars, lists as arrays of arrays, or lists as Arrow has them. Null and undefined are null values. */
export type FeastColumn =
  | ArrayLike<FeastScalar | null | undefined>
  | ArrayLike<ArrayLike<FeastScalar> | null | undefined>
  | { readonly values: ArrayLike<FeastScalar>; readonly offsets: ArrayLike<number> };

export interface FeastViewDescription {
  readonly name: string;
  /** Names of entities, not join keys. */
  readonly entities: readonly string[];
  readonly features: readonly { readonly name: string; readonly type: FeastType }[];
  readonly ttlSeconds?: number;
  readonly tags?: Readonly<Record<string, string>>;
  /** The source file of the rows for Feast's offline store; it is named, not opened. */
  readonly source: {
    readonly name: string;
    readonly path: string;
    readonly timestampField: string;
    readonly createdTimestampColumn?: string;
  };
  /** Columns by join key and feature name, all with one entry per entity. */
  readonly rows: Readonly<Record<string, FeastColumn>>;
  /** Event time of each row, seconds since 1970; the repository's timestamp where absent. */
  readonly eventSeconds?: ArrayLike<number>;
}

/** Features of several views under one name; all of a view's where none are named. */
export interface FeastServiceDescription {
  readonly name: string;
  readonly views: readonly { readonly view: string; readonly features?: readonly string[]; readonly alias?: string }[];
}

export interface FeastRepositoryDescription {
  readonly project: string;
  readonly entities: readonly FeastEntityDescription[];
  readonly views: readonly FeastViewDescription[];
  readonly services?: readonly FeastServiceDescription[];
  /** When everything is said to have been made, whole seconds since 1970: given, so that equal input has equal bytes. */
  readonly timestamp: number;
}

/** @throws RangeError naming view and column */
export function checkDescription({ entities, views, services = [] }: FeastRepositoryDescription): void {
  for (const { name, views: taken } of services)
    for (const { view, features = [] } of taken) {
      const found = views.find(v => v.name === view);
      const unknown = features.find(f => !found?.features.some(of => of.name === f));
      if (!found || unknown !== undefined)
        throw new RangeError(
          `service \`${name}\` takes ${found ? `the feature \`${unknown}\` of ` : ""}the view \`${view}\`, which the repository does not have.`,
        );
    }
  for (const entity of entities)
    if (!isKeyType(entity.type))
      throw new RangeError(`entity \`${entity.name}\` is ${entity.type}, which Feast has no key for.`);
  for (const view of views) {
    const joinKeys = view.entities.map(name => {
      const entity = entities.find(e => e.name === name);
      if (!entity)
        throw new RangeError(`view \`${view.name}\` names the entity \`${name}\`, which the repository does not have.`);
      return entity.joinKey;
    });
    const [first] = joinKeys;
    if (first === undefined) throw new RangeError(`view \`${view.name}\` names no entity. Give it one or more.`);
    const count = rowCount(view, first);
    for (const name of [...joinKeys, ...view.features.map(f => f.name)]) {
      const length = rowCount(view, name);
      if (length !== count)
        throw new RangeError(
          `view \`${view.name}\`: column \`${name}\` has ${length} rows, \`${first}\` has ${count}.`,
        );
    }
    for (const { name, type } of view.features)
      if ("offsets" in view.rows[name]! && !feastType(type).list)
        throw new RangeError(`view \`${view.name}\`: column \`${name}\` holds lists and its type ${type} is a scalar.`);
  }
}

/** Rows of one column of a view. */
export function rowCount(view: FeastViewDescription, name: string): number {
  const column = view.rows[name];
  if (!column) throw new RangeError(`view \`${view.name}\` has no rows for its column \`${name}\`.`);
  return "offsets" in column ? column.offsets.length - 1 : column.length;
}

/** Row `i` of a column. */
export function rowValue(column: FeastColumn, i: number): FeastScalar | ArrayLike<FeastScalar> | null {
  if ("offsets" in column) {
    const list: FeastScalar[] = [];
    for (let j = column.offsets[i]!; j < column.offsets[i + 1]!; j++) list.push(column.values[j]!);
    return list;
  }
  return column[i] ?? null;
}
