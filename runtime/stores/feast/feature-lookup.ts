/**
 * A `queryFeast` step and its repository → the features and views of each column, and the input of each join key.
 */

import type { Step } from "../../../contract/plan.js";
import { type ColumnSchema, printType } from "../../../contract/schema.js";
import { askedName } from "../../../formats/feast/feast-key.js";
import { aliasView, type FeastFeature, type FeastView, findView } from "../../../formats/feast/feast-registry.js";
import type { FeastRepository } from "../../../formats/feast/feast-repository.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import type { ViewRead } from "./store.js";

export interface WantedFeature {
  readonly schema: ColumnSchema;
  readonly view: FeastView;
  readonly feature: FeastFeature;
}

export interface Lookup {
  readonly reads: readonly ViewRead[];
  /** In the order in which the store answers: view by view. */
  readonly wanted: readonly WantedFeature[];
  /** Join keys with the column, and the place among the step's inputs, that holds each. */
  readonly joins: readonly { readonly name: string; readonly column: string; readonly input: number }[];
}

/** @throws RuntimeFault when plan and registry disagree */
export function prepareLookup(step: Step<"queryFeast">, repository: FeastRepository, folder: string): Lookup {
  const names = typeof step.params.view === "string" ? [step.params.view] : step.params.view;
  const { aliases = {} } = step.params;
  const views = names.map(name => {
    const alias = aliases[name];
    return alias
      ? aliasView(needView(alias.view, repository, folder), name, alias)
      : needView(name, repository, folder);
  });
  const wanted = views.flatMap(view =>
    step.outputs.flatMap(schema => {
      const feature = outputFeature(step, view, names.length > 1, schema);
      return feature ? [{ schema, view, feature }] : [];
    }),
  );
  const reads = views.map(view => ({
    view,
    features: wanted.filter(of => of.view === view).map(of => of.feature),
  }));
  const { entityColumn } = step.params;
  const joinNames = [...new Set(views.flatMap(view => view.joinKeys.map(askedName)))];
  const inputs = step.inputs.input;
  const joins = joinNames.map(name => {
    const column = typeof entityColumn === "string" ? entityColumn : (entityColumn[name] ?? name);
    const input = inputs.length === 1 && joinNames.length === 1 ? 0 : inputs.findIndex(ref => ref.name === column);
    if (input < 0 || (typeof entityColumn === "string" && joinNames.length > 1))
      throw invalid(
        `the plan names no column for the join key \`${name}\` of ${names.map(n => `view \`${n}\``).join(", ")}. Build the ensemble again.`,
      );
    return { name, column, input };
  });
  return { reads: reads.filter(read => read.features.length > 0), wanted, joins };
}

function needView(name: string, { registry, registryFile }: FeastRepository, folder: string): FeastView {
  const view = findView(registry, name);
  if (!view)
    throw new RuntimeFault(
      "NOT_FOUND",
      `the Feast repository ${folder} has no view \`${name}\`; ${registryFile} names ${registry.views.map(v => `\`${v.name}\``).join(", ") || "none"}.`,
    );
  return view;
}

/** The feature of an output column, or undefined for an entity key and for another view's. */
function outputFeature(
  step: Step<"queryFeast">,
  view: FeastView,
  several: boolean,
  schema: ColumnSchema,
): FeastFeature | undefined {
  const written = step.params.features[schema.name];
  if (written === undefined || (several && !written.startsWith(`${view.name}:`))) return undefined;
  const name = several ? written.slice(view.name.length + 1) : written;
  const feature = view.features.find(f => f.name === name);
  if (!feature)
    throw new RuntimeFault("NOT_FOUND", `view \`${view.name}\` has no feature \`${name}\`; build the ensemble again.`);
  const type = feature.type && feastType(feature.type);
  if (type?.dtype !== schema.dtype || type.list !== !!schema.list)
    throw invalid(
      `feature \`${view.name}:${name}\` is ${feature.type ?? `of Feast's type ${feature.typeNumber}`} in the registry, and the plan has ${printType(schema)} for \`${schema.name}\`. Build the ensemble again.`,
    );
  return feature;
}
