/** Looks features up in a Feast online store, by entity key. */

import { isAbsolute, join, relative } from "node:path";
import { stringify } from "yaml";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, FeastArtefact, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown, NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { IsUnion, Lacking } from "../../compiler/dsl/wanted.js";
import { defined } from "../../contract/defined.js";
import { idSpaces } from "../../contract/id-space.js";
import type { OpParams } from "../../contract/op-params.js";
import { type ColumnSchema, column } from "../../contract/schema.js";
import { askedName } from "../../formats/feast/feast-key.js";
import type { FeastRepository } from "../../formats/feast/feast-repository.js";
import { feastType } from "../../formats/feast/feast-type.js";
import { type ArtefactFile, type Call, defineOp } from "../shared/author/define-op.js";
import { meetsIds } from "../shared/author/id-spaces.js";
import { type FeastKeys, feastKeys, fitsMissing } from "./author-keys.js";
import { checkStore } from "./author-store.js";
import { type FeastViews, feastAuthor, feastViews } from "./author-views.js";
import { dropsRows, missingRule } from "./spec.js";

type View = FeastArtefact["views"][string];

/** The views of a repository; any, where it has no entry. */
type Views<P> = [ArtefactOf<P, "feast">] extends [never]
  ? FeastArtefact["views"]
  : ArtefactOf<P, "feast"> extends { readonly views: infer V extends FeastArtefact["views"] }
    ? V
    : never;
type ViewOf<P> = keyof Views<P> & string;
type FeatureOf<P> = [ArtefactOf<P, "feast">] extends [never]
  ? string
  : Views<P>[ViewOf<P>] extends infer V extends View
    ? NameOf<V["features"]>
    : never;

export interface QueryFeastOptions<View extends string = string, Feature extends string = string> {
  /** Feature view to read, or several: they are read in one round trip. */
  readonly view?: View | readonly View[];
  /** Feature service to read, instead of views. */
  readonly service?: string;
  /**
   * Column with the entity key; by default the one named like the view's join key, or the only column. For several join keys, a record from
   * join key to column; all columns on the same rows.
   */
  readonly entityColumn?: string | Readonly<Record<string, string>>;
  /** Answers the entity key too, under the name of the join key. */
  readonly includeId?: boolean;
  /** Names each feature after its view too, `view__feature`, as Feast's `full_feature_names` does: for views that share names. @default false */
  readonly fullNames?: boolean;
  /** Put before each feature's name with `_`, unless the name starts with these letters, as Merlin tests it: `it` leaves `item_price` as it is. */
  readonly prefix?: string;
  /** Features to read; by default all of the view. If two views have one of a name, write `view:feature`. */
  readonly features?: readonly Feature[];
  /**
   * The rule for a feature of an unknown entity, or one that is older than `ttl`. `"error"` names the key, `"null"` gives null,
   * `{ default: 0 }` gives the value, and `"drop"` drops the candidate. It holds for all features, or for one by column:
   * `{ age: "null", brand: { default: "none" } }`. A stored null is a value: it stays null or becomes the default. It is not an error, and
   * its candidate is kept.
   * @default "error"
   */
  readonly onMissing?: OpParams["queryFeast"]["onMissing"];
  /** Takes values older than this many seconds, or (`true`) than the ttl of their view, for missing. Feast serves them. */
  readonly ttl?: true | number;
  /** How BYTES become text: `"utf8"` refuses bytes that are none. @default "utf8" */
  readonly bytes?: "utf8" | "base64";
  /** Megabytes of a SQLite store that the server may hold in memory, refreshed when the file changes; 0: none. @default 256 */
  readonly memoryMb?: number;
  /** Milliseconds in which Redis or a feature server must answer. @default 1000 */
  readonly timeoutMs?: number;
}

type FeatureColumn<C, Chosen, Prefix extends string> = C extends `${infer T} ${infer N}`
  ? N extends Chosen
    ? Prefix extends ""
      ? C
      : N extends `${Prefix}${string}`
        ? C
        : `${T} ${Prefix}_${N}`
    : never
  : never;

/** The key column that options and columns lead to: the named one, the join key's, or the only one. */
type KeyName<O, Join extends string, S extends string> = O extends { readonly entityColumn: infer N extends string }
  ? N
  : Join extends NameOf<S>
    ? Join
    : IsUnion<S> extends true
      ? Join
      : NameOf<S>;

interface FeastRule<V extends View, O extends QueryFeastOptions> extends Rule {
  readonly fault: IsUnknown<V["key"]> extends true
    ? never
    : V["key"] extends `${infer T} ${infer Join}`
      ? Lacking<"queryFeast", `${T} ${KeyName<O, Join, this["S"]>}`, this["S"]>
      : never;
  readonly out:
    | FeatureColumn<
        V["features"],
        O extends { readonly features: readonly (infer F)[] } ? F : string,
        O extends { readonly prefix: infer X extends string } ? X : ""
      >
    | (O extends { readonly includeId: true } ? V["key"] : never);
}

/** Open where nothing is known of the repository, for several views or a service, and for full names. */
type FeastRuleOf<P, O extends QueryFeastOptions> = [ArtefactOf<P, "feast">] extends [never]
  ? OpenRule
  : O extends { readonly fullNames: true }
    ? OpenRule
    : O["view"] extends string
      ? IsUnion<O["view"]> extends true
        ? OpenRule
        : Views<P>[O["view"] & ViewOf<P>] extends infer V extends View
          ? [V] extends [never]
            ? OpenRule
            : FeastRule<V, O>
          : OpenRule
      : OpenRule;

/**
 * Looks features up in a Feast online store: SQLite, Redis or a feature server. One read per request, whatever the number of rows.
 *
 * A timestamp is its second since 1970, a set is a list, a UUID or a decimal is text. JSON is the stored text, and a map, a struct or a
 * list of lists is JSON text with its names in order. A view without entities is looked up by `__dummy_id`, a string column of empty texts.
 * @param repository folder with `feature_store.yaml`, relative to this file
 * @example request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true })
 */
export const queryFeast = <const P extends PathOf<"feast">, const O extends QueryFeastOptions<ViewOf<P>, FeatureOf<P>>>(
  repository: P,
  options: O,
): Op<FeastRuleOf<P, O>> => new Op("queryFeast", { repository, ...options });

export const queryFeastOp = defineOp({
  kind: "queryFeast",
  positional: ["repository"],
  params: feastAuthor,
  infer: call => {
    const { params } = call;
    const { repository, includeId, prefix, fullNames, onMissing } = params;
    const read = call.artefacts.feast(repository);
    if (!read.ok) return call.fail(read.message, { literal: repository });
    const views = feastViews(call, read.value);
    if (!views) return undefined;
    const keys = feastKeys(call, views);
    if (!keys) return undefined;
    const entityOf = entityKeys(call, read.value, views, keys);
    const { rows } = keys.inputs[0].column;
    const parent = call.parentRows(rows);
    const drops = dropsRows(onMissing);
    if (drops && parent === undefined)
      return call.fail(
        messages.feastDropNoCandidates({ reader: views.label, column: keys.inputs[0].column.name }),
        "right",
      );
    const made = drops ? call.id : rows;
    const outputs = views.features.map(({ reference, feature, view, name: own }) => {
      const { dtype, list } = feastType(feature.type!);
      const given = fullNames ? `${view}__${own}` : own;
      const name = prefix && !given.startsWith(prefix) ? `${prefix}_${given}` : given;
      const filled = typeof missingRule(onMissing, name, feature.name) === "object";
      return {
        reference,
        feature: feature.name,
        schema: column(name, dtype, {
          rows: made,
          ...(list && { list: { min: 0, max: null, ...(!filled && { nulls: true }) } }),
        }),
      };
    });
    const ids = includeId ? keyColumns(keys, made, entityOf) : [];
    const names = [...ids.map(id => id.name), ...outputs.map(o => o.schema.name)];
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined)
      return call.fail(
        messages.schemaOutputCollision({
          operator: "queryFeast",
          column: twice,
          way: ids.some(id => id.name === twice)
            ? "Drop `includeId`, or give the features a `prefix`."
            : 'Name them after their views too with `fullNames: true`, or choose one with `features: ["view:feature"]`.',
        }),
        "right",
      );
    if (!fitsMissing(call, views, outputs)) return undefined;
    const fault = notPortable(read.value, repository);
    if (fault) return call.fail(fault, { literal: repository });
    const [key] = keys.inputs;
    const answered = outputs.map(({ schema, feature: of }) => ({ column: schema.name, feature: of }));
    const lookUp = { views: views.views, key: keys.inputs.length === 1 ? key : undefined, features: answered };
    if (!checkStore(call, read.value, lookUp)) return undefined;
    const folder = `features/${call.artefactName(repository, read.path)}`;
    const { ttl, bytes, memoryMb, timeoutMs } = params;
    return {
      params: {
        repository,
        view: views.names,
        ...(views.aliases && { aliases: views.aliases }),
        entityColumn: keys.entityColumn,
        includeId,
        prefix,
        onMissing,
        ...defined({ ttl, bytes, memoryMb, timeoutMs }),
        features: Object.fromEntries(outputs.map(o => [o.schema.name, o.reference])),
      },
      inputs: { input: keys.inputs },
      outputs: [...ids, ...outputs.map(o => o.schema)],
      ...(drops && { madeRows: { parent: parent! } }),
      artefacts: { repository: folder },
      files: copiedRepository(read.value, read.path, folder),
    };
  },
});

const keyColumns = ({ joins }: FeastKeys, rows: string, entityOf: ReadonlyMap<string, string>): ColumnSchema[] =>
  joins.map(({ name, bound }) => {
    const properties = idSpaces([{ kind: "raw", of: entityOf.get(name)! }]);
    return column(name, bound.column.dtype, { rows, tags: ["id"], properties });
  });

/**
 * The join key of the store for each key of the look-up, which a feature service may name otherwise. Warns of a column with ids of another
 * entity of the store, or with codes.
 */
function entityKeys(
  call: Call<unknown>,
  { registry }: FeastRepository,
  { views, label }: FeastViews,
  { joins }: FeastKeys,
): ReadonlyMap<string, string> {
  const entities = new Set(registry.views.flatMap(view => view.joinKeys.map(({ name }) => name)));
  const entityOf = new Map(views.flatMap(view => view.joinKeys.map(key => [askedName(key), key.name] as const)));
  for (const { name, bound } of joins)
    meetsIds(call, bound, { name: label, spaces: [{ kind: "raw", of: entityOf.get(name)! }] }, "left", entities);
  return entityOf;
}

/** Why a model cannot carry the repository: a private key or a secret would be copied. */
function notPortable({ onlineStore, portableStore }: FeastRepository, repository: string) {
  const key = onlineStore.type === "redis" ? onlineStore.tlsClient?.keyWritten : undefined;
  if (key !== undefined && !isAbsolute(key))
    return messages.graphParameter({
      operator: "queryFeast",
      problem: `the \`ssl_keyfile\` of \`${repository}\` is \`${key}\`, relative to the repository, and a private key is not copied into a model.`,
      way: "Write an absolute path, or an environment variable that holds one (`ssl_keyfile=${REDIS_KEY_FILE}`).",
    });
  if (onlineStore.type === "sqlite" || !("literal" in portableStore)) return undefined;
  const { literal } = portableStore;
  return messages.graphParameter({
    operator: "queryFeast",
    problem: `${literal.place} in \`feature_store.yaml\` of \`${repository}\` is written out, and a secret is not copied into a model.`,
    way: `Write an environment variable that holds it: ${literal.instead}.`,
  });
}

/** The repository that the model carries: a SQLite store is copied, other stores are named as `feature_store.yaml` names them. */
function copiedRepository(repository: FeastRepository, from: string, folder: string): ArtefactFile[] {
  const { project, keyVersion, versions, registryFile, onlineStore, portableStore } = repository;
  const sqlite = onlineStore.type === "sqlite";
  const config = {
    project,
    provider: "local",
    registry: versions ? { path: "data/registry.db", enable_online_feature_view_versioning: true } : "data/registry.db",
    online_store: sqlite
      ? { type: "sqlite", path: "data/online_store.db" }
      : "config" in portableStore
        ? portableStore.config
        : undefined,
    entity_key_serialization_version: keyVersion,
  };
  const authority = "tlsAuthority" in onlineStore ? onlineStore.tlsAuthority : undefined;
  const certificate = onlineStore.type === "redis" ? onlineStore.tlsClient?.certificate : undefined;
  // A path relative to the repository is copied with it; any other is the server's own.
  const carried = [authority, certificate].filter(
    file => file !== undefined && !relative(from, file).startsWith(".."),
  ) as string[];
  return [
    { text: stringify(config), to: join(folder, "feature_store.yaml") },
    { from: registryFile, to: join(folder, "data", "registry.db") },
    ...carried.map(file => ({ from: file, to: join(folder, relative(from, file)) })),
    ...(sqlite ? [{ store: onlineStore.file, to: join(folder, "data", "online_store.db") }] : []),
  ];
}
