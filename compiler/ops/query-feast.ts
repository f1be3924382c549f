/** Looks features up in a Feast online store, by entity key. */
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { findView } from "../../triton-protos/artefacts/feast-registry.js";
import type { FeastRepository } from "../../triton-protos/artefacts/feast-repository.js";
import { feastType } from "../../triton-protos/artefacts/feast-type.js";
import { OP_PARAMS, type OpParams } from "../../triton-protos/op-params.js";
import { column } from "../../triton-protos/schema.js";
import { didYouMean, listNames } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { ArtefactOf, FeastArtefact, PathOf } from "../dsl/artefacts.js";
import type { IsUnknown, NameOf } from "../dsl/column.js";
import { Op } from "../dsl/node.js";
import type { OpenRule, Rule } from "../dsl/rule.js";
import type { IsUnion, Lacking } from "../dsl/wanted.js";
import { artefactName } from "./artefact-name.js";
import { need, needOne, needType } from "./columns.js";
import { defineOp } from "./define-op.js";

const author = z.strictObject({
  repository: z.string().min(1),
  view: z.string().min(1),
  entityColumn: z.string().optional(),
  includeId: z.boolean().default(false),
  prefix: z.string().default(""),
  features: z.array(z.string()).optional(),
  onMissing: OP_PARAMS.queryFeast.shape.onMissing,
});

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
  /** Feature view to read. */
  readonly view: View;
  /** Column with the entity key; by default the one named like the view's join key, or the only column. */
  readonly entityColumn?: string;
  /** Answers the entity key too, under the name of the join key. */
  readonly includeId?: boolean;
  /** Put before each feature's name with `_`, unless the name starts with it. */
  readonly prefix?: string;
  /** Features to read; by default all of the view. */
  readonly features?: readonly Feature[];
  /**
   * What a feature of an unknown entity becomes: an error that names the key, null, or a value; for all features or one by one.
   * @default "error"
   */
  readonly onMissing?: OpParams["queryFeast"]["onMissing"];
}

type FeatureColumn<C, Chosen, Prefix extends string> = C extends `${infer T} ${infer N}`
  ? N extends Chosen
    ? Prefix extends ""
      ? C
      : N extends `${Prefix}_${string}`
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

/** Open where nothing is known of the repository, or where it does not say which view is meant. */
type FeastRuleOf<P, O extends QueryFeastOptions> = [ArtefactOf<P, "feast">] extends [never]
  ? OpenRule
  : IsUnion<O["view"]> extends true
    ? OpenRule
    : Views<P>[O["view"] & ViewOf<P>] extends infer V extends View
      ? [V] extends [never]
        ? OpenRule
        : FeastRule<V, O>
      : OpenRule;

/**
 * Looks features up in a Feast online store. One read per request, whatever the number of rows.
 * @param repository folder with `feature_store.yaml`, relative to this file
 * @example request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true })
 */
export const queryFeast = <const P extends PathOf<"feast">, const O extends QueryFeastOptions<ViewOf<P>, FeatureOf<P>>>(
  repository: P,
  options: O,
): Op<FeastRuleOf<P, O>> => new Op("queryFeast", { repository, ...options });

export const queryFeastOp = defineOp({
  kind: "queryFeast",
  params: author,
  facts: { elementwise: false, inWorkflow: false, prunable: true },
  infer: call => {
    const { repository, view: viewName, features: chosen, includeId, prefix, onMissing } = call.params;
    const reader = `\`queryFeast\` of view \`${viewName}\``;
    const read = call.artefacts.feast(repository);
    if (!read.ok) return call.fail(read.message, { literal: repository });
    const { registry } = read.value;
    const view = findView(registry, viewName);
    if (!view) {
      const views = registry.views.map(v => v.name);
      return call.fail(
        messages.feastViewMissing({
          path: repository,
          view: viewName,
          views: listNames(views),
          suggestion: didYouMean(viewName, views),
        }),
        { literal: viewName },
      );
    }
    const [joinKey, another] = view.joinKeys;
    if (!joinKey || another)
      return call.fail(
        messages.feastKeyUnsupported({
          view: viewName,
          count: view.joinKeys.length,
          keys: listNames(view.joinKeys.map(k => k.name)),
        }),
        { literal: viewName },
      );
    const named =
      call.params.entityColumn ?? (call.input.some(b => b.column.name === joinKey.name) ? joinKey.name : undefined);
    const key = named
      ? need(
          call,
          call.input,
          named,
          reader,
          `Pick the column that holds \`${joinKey.name}\` with \`entityColumn\`.`,
          call.params.entityColumn ? { literal: named } : "left",
        )
      : needOne(call, call.input, reader, `queryFeast("${repository}", …)`);
    if (!key) return undefined;
    const { dtype: entityType } = feastType(joinKey.type);
    if (
      !needType(
        call,
        key,
        { dtype: entityType },
        reader,
        `Declare \`${key.column.name}\` as ${entityType}: the type of the entity decides the bytes of the key.`,
      )
    )
      return undefined;
    const unknown = chosen?.find(name => !view.features.some(f => f.name === name));
    if (unknown !== undefined) {
      const names = view.features.map(f => f.name);
      return call.fail(
        messages.schemaColumnMissing({
          reader,
          column: unknown,
          columns: listNames(names),
          suggestion: didYouMean(unknown, names),
          way: "Name features of the view.",
        }),
        { literal: unknown },
      );
    }
    const { rows } = key.column;
    const features = view.features.filter(f => !chosen || chosen.includes(f.name));
    const outputs = [];
    for (const feature of features) {
      if (!feature.type)
        return call.fail(
          messages.feastValueUnsupported({ feature: feature.name, view: viewName, type: feature.typeNumber }),
          "right",
        );
      const { dtype, list } = feastType(feature.type);
      const name = prefix && !feature.name.startsWith(`${prefix}_`) ? `${prefix}_${feature.name}` : feature.name;
      outputs.push({
        feature: feature.name,
        schema: column(name, dtype, { rows, ...(list && { list: { min: 0, max: null } }) }),
      });
    }
    if (includeId && outputs.some(o => o.schema.name === joinKey.name))
      return call.fail(
        messages.schemaOutputCollision({
          operator: "queryFeast",
          column: joinKey.name,
          way: "Drop `includeId`, or give the features a `prefix`.",
        }),
        "right",
      );
    const folder = `features/${artefactName(repository)}`;
    return {
      params: {
        repository,
        view: viewName,
        entityColumn: key.column.name,
        includeId,
        prefix,
        onMissing,
        features: Object.fromEntries(outputs.map(o => [o.schema.name, o.feature])),
      },
      inputs: { input: [key] },
      outputs: [
        ...(includeId ? [column(joinKey.name, key.column.dtype, { rows, tags: ["id"] })] : []),
        ...outputs.map(o => o.schema),
      ],
      artefacts: { repository: folder },
      files: [
        { text: stringify(snapshotConfig(read.value)), to: join(folder, "feature_store.yaml") },
        { from: read.value.registryFile, to: join(folder, "data", "registry.db") },
        { from: read.value.onlineStore.file, to: join(folder, "data", "online_store.db") },
      ],
    };
  },
});

/** `feature_store.yaml` of the copy that the model carries: the same store under relative paths. */
const snapshotConfig = ({ project, keyVersion }: FeastRepository) => ({
  project,
  provider: "local",
  registry: "data/registry.db",
  online_store: { type: "sqlite", path: "data/online_store.db" },
  entity_key_serialization_version: keyVersion,
});
