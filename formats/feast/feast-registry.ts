/**
 * A Feast registry file (`feast.core.Registry`) → entities and feature views: names, types, join keys, ttl.
 */

import {
  type Cursor,
  cursor,
  nextTag,
  readSafeInt,
  readSpan,
  readString,
  readUint32,
  skipField,
  WireError,
} from "../bytes/wire.js";
import type { JoinKey } from "./feast-key.js";
import { type FeastType, feastTypeOf } from "./feast-type.js";

export interface FeastFeature {
  readonly name: string;
  /** Null: a type newer than this reader; `typeNumber` says which. */
  readonly type: FeastType | null;
  readonly typeNumber: number;
}

export interface FeastEntity {
  readonly name: string;
  readonly project: string;
  readonly joinKey: string;
  readonly type: FeastType | null;
}

/** A file of rows, for `materialize`. */
export interface FeastSource {
  /** Path or URI; empty if the source is not a file. */
  readonly path: string;
  readonly timestampColumn: string;
  readonly createdColumn: string;
}

export interface FeastView {
  readonly name: string;
  readonly project: string;
  /** Entity names, in the order of the view. */
  readonly entities: readonly string[];
  /** The entities' join keys with their types, in the same order. */
  readonly joinKeys: readonly JoinKey[];
  readonly features: readonly FeastFeature[];
  /** Null: values never grow old. Feast does not enforce it on reads. */
  readonly ttlSeconds: number | null;
  readonly online: boolean;
  /** The source of its rows, from `feast apply`. */
  readonly source: FeastSource | null;
  /** Its name in an online store: with a version if the repository keeps several. */
  readonly storeName: string;
  /** Table of an SQLite online store. */
  readonly table: string;
  /** Number of its schema, where `feast apply` counts them. */
  readonly version: number;
  /** Its own name, where a feature service takes it under another one or by other keys. */
  readonly aliasOf?: string;
}

/** Features of several views under one name. */
export interface FeastService {
  readonly name: string;
  readonly project: string;
  readonly views: readonly FeastProjection[];
}

/** A view as a service sees it: some of its features. */
export interface FeastProjection {
  readonly view: string;
  /** The view's name in the service, if it differs. */
  readonly alias: string;
  readonly features: readonly string[];
  /** Join keys that the service calls otherwise: the view's name → the service's. */
  readonly joinKeys: Readonly<Record<string, string>>;
}

export interface FeastRegistry {
  readonly entities: readonly FeastEntity[];
  readonly views: readonly FeastView[];
  readonly services: readonly FeastService[];
  /** On-demand views run Python and can not be served; named so that messages can say so. */
  readonly onDemandViews: readonly string[];
}

/** A registry that can not be read; the message names the file. */
export class FeastRegistryError extends Error {
  override readonly name = "FeastRegistryError";
}

/**
 * @param where file name, for messages
 * @throws FeastRegistryError
 */
export function readRegistry(bytes: Uint8Array, where: string): FeastRegistry {
  try {
    return registry(cursor(bytes));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new FeastRegistryError(
      `${where} is not a Feast registry: ${error.message}. Point \`registry\` at the file that \`feast apply\` wrote.`,
    );
  }
}

/** The view of that name, or undefined. */
export const findView = (reg: FeastRegistry, name: string): FeastView | undefined =>
  reg.views.find(view => view.name === name);

/** A view under another name and by other keys: its own join keys → the look-up's. */
export interface ViewAlias {
  readonly view: string;
  readonly joinKeys: Readonly<Record<string, string>>;
}

/** The view as a service takes it. */
export const aliasView = (view: FeastView, alias: string, { joinKeys }: ViewAlias): FeastView => ({
  ...view,
  name: alias,
  aliasOf: view.name,
  joinKeys: view.joinKeys.map(key => {
    const asked = Object.hasOwn(joinKeys, key.name) ? joinKeys[key.name] : undefined;
    return asked === undefined ? key : { ...key, asked };
  }),
});

/** The part of a view in a service; undefined if the registry has no such view. */
export function projectedView(
  reg: FeastRegistry,
  { view: name, alias, joinKeys }: FeastProjection,
): FeastView | undefined {
  const view = findView(reg, name);
  const own = alias === name && Object.keys(joinKeys).length === 0;
  return view && !own ? aliasView(view, alias, { view: name, joinKeys }) : view;
}

type RawView = Omit<FeastView, "joinKeys" | "storeName" | "table" | "version"> & {
  readonly entityColumns: readonly FeastFeature[];
};

function registry(c: Cursor): FeastRegistry {
  const entities: FeastEntity[] = [];
  const views: (RawView & { readonly version: number })[] = [];
  const services: FeastService[] = [];
  const onDemandViews: string[] = [];
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) entities.push(entity(specOf(readSpan(c))));
    else if (number === 6) views.push(versioned(readSpan(c), FEATURE_VIEW));
    else if (number === 14) views.push(versioned(readSpan(c), STREAM_VIEW));
    else if (number === 19) views.push(versioned(readSpan(c), LABEL_VIEW));
    else if (number === 7) services.push(service(specOf(readSpan(c))));
    else if (number === 8) onDemandViews.push(nameOf(specOf(readSpan(c))));
    else skipField(c, tag);
  }
  return { entities, views: views.map(raw => resolve(raw, entities)), services, onDemandViews };
}

/** Joins a view with its entities; the view's own `entity_columns` know the type where the entity does not say. */
function resolve(
  { entityColumns, ...raw }: RawView & { readonly version: number },
  entities: readonly FeastEntity[],
): FeastView {
  const joinKeys = raw.entities.map((name): JoinKey => {
    const declared = entities.find(e => e.name === name && e.project === raw.project);
    const joinKey = declared?.joinKey ?? name;
    const type = entityColumns.find(col => col.name === joinKey)?.type ?? declared?.type ?? "STRING";
    return { name: joinKey, type };
  });
  // A stream view's schema counts its keys among the features.
  const features = raw.features.filter(({ name }) => !joinKeys.some(key => key.name === name));
  return { ...raw, features, joinKeys, ...namesInStore(raw, raw.name) };
}

const namesInStore = ({ project }: { readonly project: string }, storeName: string) => ({
  storeName,
  table: `${project}_${storeName}`,
});

/** The view as a repository with `enable_online_feature_view_versioning` stores it. */
export const storedByVersion = (view: FeastView): FeastView =>
  view.version > 0 ? { ...view, ...namesInStore(view, `${view.name}_v${view.version}`) } : view;

function specOf(c: Cursor): Cursor {
  let spec = cursor(c.bytes, c.at, c.at);
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag === ((1 << 3) | 2)) spec = readSpan(c);
    else skipField(c, tag);
  }
  return spec;
}

function nameOf(c: Cursor): string {
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag === ((1 << 3) | 2)) return readString(c);
    skipField(c, tag);
  }
  return "";
}

function entity(c: Cursor): FeastEntity {
  let name = "";
  let project = "";
  let joinKey = "";
  let type: FeastType | null = null;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) name = readString(c);
    else if (number === 2) type = feastTypeOf(readUint32(c))?.name ?? null;
    else if (number === 4) joinKey = readString(c);
    else if (number === 9) project = readString(c);
    else skipField(c, tag);
  }
  return { name, project, joinKey: joinKey || name, type };
}

/** Numbers of the fields that differ between kinds of views; name, project, entities and features are 1 to 4 in all of them. */
interface ViewFields {
  readonly ttl: number;
  readonly source: number;
  readonly online: number;
  readonly entityColumns: number;
}
const FEATURE_VIEW: ViewFields = { ttl: 6, source: 7, online: 8, entityColumns: 12 };
const STREAM_VIEW: ViewFields = { ttl: 9, source: 10, online: 12, entityColumns: 5 };
const LABEL_VIEW: ViewFields = { ttl: 6, source: 7, online: 8, entityColumns: 11 };

/** A view's `spec` (1), and the version in its `meta` (2). */
function versioned(c: Cursor, fields: ViewFields): RawView & { readonly version: number } {
  let spec = cursor(c.bytes, c.at, c.at);
  let version = 0;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag === ((1 << 3) | 2)) spec = readSpan(c);
    else if (tag === ((2 << 3) | 2)) version = versionOf(readSpan(c));
    else skipField(c, tag);
  }
  return { ...view(spec, fields), version };
}

function versionOf(meta: Cursor): number {
  let version = 0;
  for (let tag = nextTag(meta); tag !== 0; tag = nextTag(meta))
    if (tag === 4 << 3) version = readUint32(meta);
    else skipField(meta, tag);
  return version;
}

function view(c: Cursor, fields: ViewFields): RawView {
  let name = "";
  let project = "";
  let ttlSeconds: number | null = null;
  let online = false;
  const entities: string[] = [];
  const features: FeastFeature[] = [];
  const entityColumns: FeastFeature[] = [];
  let batch: FeastSource | null = null;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) name = readString(c);
    else if (number === 2) project = readString(c);
    else if (number === 3) entities.push(readString(c));
    else if (number === 4) features.push(feature(readSpan(c)));
    else if (number === fields.ttl) ttlSeconds = seconds(readSpan(c)) || null;
    else if (number === fields.source) batch = source(readSpan(c));
    else if (number === fields.online) online = readUint32(c) !== 0;
    else if (number === fields.entityColumns) entityColumns.push(feature(readSpan(c)));
    else skipField(c, tag);
  }
  return { name, project, entities, features, ttlSeconds, online, source: batch, entityColumns };
}

function source(c: Cursor): FeastSource {
  let [path, timestampColumn, createdColumn] = ["", "", ""];
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 3) timestampColumn = readString(c);
    else if (number === 5) createdColumn = readString(c);
    else if (number === 11) path = mapEntry(readSpan(c))[1];
    else skipField(c, tag);
  }
  return { path, timestampColumn, createdColumn };
}

function service(c: Cursor): FeastService {
  let name = "";
  let project = "";
  const views: FeastProjection[] = [];
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) name = readString(c);
    else if (number === 2) project = readString(c);
    else if (number === 3) views.push(projection(readSpan(c)));
    else skipField(c, tag);
  }
  return { name, project, views };
}

function projection(c: Cursor): FeastProjection {
  let view = "";
  let alias = "";
  const features: string[] = [];
  const joinKeys: (readonly [from: string, to: string])[] = [];
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) view = readString(c);
    else if (number === 2) features.push(feature(readSpan(c)).name);
    else if (number === 3) alias = readString(c);
    else if (number === 4) joinKeys.push(mapEntry(readSpan(c)));
    else skipField(c, tag);
  }
  // Members of their own, whatever they are called.
  return { view, alias: alias || view, features, joinKeys: Object.fromEntries(joinKeys) };
}

function mapEntry(c: Cursor): readonly [key: string, value: string] {
  let [key, value] = ["", ""];
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag >>> 3 === 1) key = readString(c);
    else if (tag >>> 3 === 2) value = readString(c);
    else skipField(c, tag);
  }
  return [key, value];
}

function feature(c: Cursor): FeastFeature {
  let name = "";
  let typeNumber = 0;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    if (number === 1) name = readString(c);
    else if (number === 2) typeNumber = readUint32(c);
    else skipField(c, tag);
  }
  return { name, typeNumber, type: feastTypeOf(typeNumber)?.name ?? null };
}

function seconds(c: Cursor): number {
  let value = 0;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    if (tag >>> 3 === 1) value = readSafeInt(c);
    else skipField(c, tag);
  }
  return value;
}
