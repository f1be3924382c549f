/** One column of entity keys, on any rows -> the features of a Feast view for each row, read in one go with each key once. */
import { join } from "node:path";
import { type FeastFeature, type FeastView, findView } from "../../triton-protos/artefacts/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "../../triton-protos/artefacts/feast-repository.js";
import { feastType } from "../../triton-protos/artefacts/feast-type.js";
import type { Step } from "../../triton-protos/plan.js";
import { type ColumnSchema, printType } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { type Column, gather, rootRows } from "../plan/table.js";
import type { FeatureColumn } from "../stores/feast/store.js";
import { type DistinctKeys, distinctKeys } from "./distinct-keys.js";
import { type FillMissing, missingRule, prepareMissing } from "./feature-defaults.js";

export const queryFeast: Kernel<"queryFeast"> = {
  prepare: async (step, context) => {
    const folder = join(context.folder, step.artefacts!.repository!);
    const repository = readRepository(folder);
    const view = checkView(step, repository, folder);
    const wanted = step.outputs.flatMap(schema => outputFeature(step, view, schema) ?? []);
    const fills = wanted.map(({ schema, feature }) =>
      prepareMissing(schema, missingRule(step.params.onMissing, schema.name, feature.name)),
    );
    // Native; loaded when a plan needs it.
    const { openSqliteStore } = await import("../stores/feast/sqlite-store.js");
    const store = openSqliteStore(repository.onlineStore.file, repository.keyVersion);
    try {
      const reader = store.prepare(
        view,
        wanted.map(w => w.feature),
      );
      return {
        run: inputs => {
          const entity = inputs.input![0]!;
          const distinct = distinctKeys(entity);
          const found = reader.getOnline(distinct.keys, distinct.keys.rows.count + (distinct.nullRow < 0 ? 0 : 1));
          const finish = (features: readonly FeatureColumn[]) =>
            assemble(step, view, entity, distinct, features, wanted, fills);
          return found instanceof Promise ? found.then(finish) : finish(found);
        },
        close: () => store.close(),
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  },
};

interface Wanted {
  readonly schema: ColumnSchema;
  readonly feature: FeastFeature;
}

function readRepository(folder: string): FeastRepository {
  try {
    return readFeastRepository(folder);
  } catch (error) {
    throw new RuntimeFault("UNAVAILABLE", (error as Error).message, { cause: error });
  }
}

function checkView(step: Step<"queryFeast">, { registry, registryFile }: FeastRepository, folder: string): FeastView {
  const view = findView(registry, step.params.view);
  if (!view)
    throw new RuntimeFault(
      "NOT_FOUND",
      `the Feast repository ${folder} has no view \`${step.params.view}\`; ${registryFile} names ${registry.views.map(v => `\`${v.name}\``).join(", ") || "none"}.`,
    );
  if (view.joinKeys.length !== 1)
    throw new RuntimeFault(
      "UNSUPPORTED",
      `view \`${view.name}\` has ${view.joinKeys.length} join keys; views with one are served.`,
    );
  return view;
}

/** The feature of an output column, or undefined for the entity key itself. */
function outputFeature(step: Step<"queryFeast">, view: FeastView, schema: ColumnSchema): Wanted | undefined {
  const name = step.params.features[schema.name];
  if (name === undefined) return undefined;
  const feature = view.features.find(f => f.name === name);
  if (!feature)
    throw new RuntimeFault("NOT_FOUND", `view \`${view.name}\` has no feature \`${name}\`; build the ensemble again.`);
  const type = feature.type && feastType(feature.type);
  if (type?.dtype !== schema.dtype || type.list !== !!schema.list)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `feature \`${view.name}:${name}\` is ${feature.type ?? `of Feast's type ${feature.typeNumber}`} in the registry, and the plan has ${printType(schema)} for \`${schema.name}\`. Build the ensemble again.`,
    );
  return { schema, feature };
}

function assemble(
  step: Step<"queryFeast">,
  view: FeastView,
  entity: Column,
  { keys, places, firstRows, nullRow }: DistinctKeys,
  features: readonly FeatureColumn[],
  wanted: readonly Wanted[],
  fills: readonly FillMissing[],
): Column[] {
  const known = keys.rows.count;
  const rows = rootRows(known + (nullRow < 0 ? 0 : 1));
  const fault = (feature: string) => (key: number) => {
    const join = view.joinKeys[0]!.name;
    const [what, row] = key < known ? [`${join} ${keys.values[key]}`, firstRows[key]!] : [`a null ${join}`, nullRow];
    return new RuntimeFault(
      "NOT_FOUND",
      `view \`${view.name}\` has no \`${feature}\` for ${what} (column \`${step.params.entityColumn}\`, row ${row}). Decide with \`onMissing\` what an unknown entity becomes.`,
    );
  };
  // Distinct keys in the order of the rows: every key once.
  const identity = nullRow < 0 && known === entity.rows.count;
  const made = new Map<string, Column>();
  wanted.forEach(({ schema, feature }, i) => {
    const col = fills[i]!(features[i]!, rows, fault(feature.name));
    made.set(schema.name, identity ? { ...col, rows: entity.rows } : gather(col, places, entity.rows));
  });
  return step.outputs.map(schema => made.get(schema.name) ?? entity);
}
