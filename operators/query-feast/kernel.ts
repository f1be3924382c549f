/** Entity keys, on any rows → the features of Feast views for each row, read in one go with each key once. */

import type { Step } from "../../contract/plan.js";
import { type FeastRepository, readFeastRepository } from "../../formats/feast/feast-repository.js";
import { type Clock, systemClock } from "../../runtime/base/clock.js";
import { type DistinctKeys, distinctKeys, everyRow } from "../../runtime/base/columns/distinct-keys.js";
import { type Column, childRows, gather, type Rows, rootRows } from "../../runtime/base/columns/table.js";
import { invalid, RuntimeFault, unavailable } from "../../runtime/base/errors.js";
import type { InputsOf, JoinCounters, Kernel, PreparedKernel } from "../../runtime/engine/schedule/kernel.js";
import { withoutOutdated } from "../../runtime/stores/feast/feature-ages.js";
import { type FillMissing, prepareMissing } from "../../runtime/stores/feast/feature-defaults.js";
import { type Lookup, prepareLookup, type WantedFeature } from "../../runtime/stores/feast/feature-lookup.js";
import { openStore } from "../../runtime/stores/feast/open-store.js";
import { FEATURE_STATUS, type FeatureColumn, type FeatureReader, isMissing } from "../../runtime/stores/feast/store.js";
import { artefactFolder } from "../shared/kernel/artefact-file.js";
import { missingRule } from "./spec.js";

export const queryFeast: Kernel<"queryFeast"> = {
  prepare: async (step, context) => {
    const folder = artefactFolder(context.folder, step.artefacts.repository);
    const repository = readRepository(folder);
    const lookup = prepareLookup(step, repository, folder);
    const { timeoutMs, memoryMb, bytes = "utf8" } = step.params;
    const columns = lookup.wanted.map(wanted => prepareColumn(step, wanted));
    const store = await openStore(repository, { timeoutMs, memoryMb, files: context.storeFiles });
    try {
      const eventTimes = columns.some(col => col.ttlSeconds !== null);
      const reader = await store.prepare(lookup.reads, { bytes, eventTimes });
      const views = viewsOf(columns);
      return {
        joins: views.map(({ counters }) => counters),
        run: prepareRun(step, lookup, columns, reader, context.clock ?? systemClock, views),
        close: () => store.close(),
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  },
};

function readRepository(folder: string): FeastRepository {
  try {
    return readFeastRepository(folder, true);
  } catch (error) {
    throw unavailable((error as Error).message, { cause: error });
  }
}

/** A view, and the places of its features among those of the step. */
interface CountedView {
  readonly counters: JoinCounters;
  readonly at: readonly number[];
}

const viewsOf = (columns: readonly PreparedColumn[]): readonly CountedView[] =>
  [...new Set(columns.map(({ view }) => view))].map(view => ({
    counters: { name: view.name, rows: 0, matched: 0 },
    at: columns.flatMap((col, i) => (col.view === view ? [i] : [])),
  }));

/** Counts keys, and those that have a feature of the view. */
function countKeys(views: readonly CountedView[], features: readonly FeatureColumn[], count: number): void {
  for (const { counters, at } of views) {
    counters.rows += count;
    for (let key = 0; key < count; key++)
      if (at.some(i => features[i]!.whole || !isMissing(features[i]!.status[key]!))) counters.matched++;
  }
}

interface PreparedColumn extends WantedFeature {
  readonly fill: FillMissing;
  readonly drops: boolean;
  /** Null: values never grow old. */
  readonly ttlSeconds: number | null;
}

function prepareColumn({ params }: Step<"queryFeast">, wanted: WantedFeature): PreparedColumn {
  const { schema, feature, view } = wanted;
  const rule = missingRule(params.onMissing, schema.name, feature.name);
  const ttlSeconds = params.ttl === true ? view.ttlSeconds : (params.ttl ?? null);
  return { ...wanted, fill: prepareMissing(schema, rule), drops: rule === "drop", ttlSeconds };
}

function prepareRun(
  step: Step<"queryFeast">,
  { joins }: Lookup,
  columns: readonly PreparedColumn[],
  reader: FeatureReader,
  clock: Clock,
  views: readonly CountedView[],
): PreparedKernel<InputsOf<"queryFeast">>["run"] {
  const sources = step.outputs.map((schema): Source => {
    const feature = columns.findIndex(col => col.schema === schema);
    if (feature >= 0) return { feature };
    const key = joins.find(join => join.name === schema.name);
    if (!key)
      throw invalid(
        `step \`${step.label}\`: its output \`${schema.name}\` is neither a feature nor a key. Build the plan again.`,
      );
    return { entity: key.input };
  });
  const ages = columns.some(col => col.ttlSeconds !== null);
  return (inputs, { signal, seen }) => {
    const entities = inputs.input;
    const doubles = reader.takesDoubles?.() && entities.every(({ validity }) => !validity);
    const distinct = doubles ? everyRow(entities) : distinctKeys(entities);
    const keys = new Map(joins.map(({ name, input }) => [name, distinct.keys[input]!]));
    const count = distinct.count + (distinct.nullRow < 0 ? 0 : 1);
    const found = reader.getOnline(keys, count, signal, seen);
    const finish = (features: readonly FeatureColumn[]) => {
      if (!ages) {
        countKeys(views, features, distinct.count);
        return assemble(sources, joins, entities, distinct, features, columns);
      }
      const now = clock.now() / 1000;
      const current = features.map((feature, i) => {
        const { ttlSeconds } = columns[i]!;
        return ttlSeconds === null ? feature : withoutOutdated(feature, ttlSeconds, now);
      });
      countKeys(views, current, distinct.count);
      return assemble(sources, joins, entities, distinct, current, columns);
    };
    return found instanceof Promise ? found.then(finish) : finish(found);
  };
}

/** The source of an output: a feature, or the column of a key. */
type Source = { readonly feature: number } | { readonly entity: number };

function assemble(
  sources: readonly Source[],
  joins: Lookup["joins"],
  entities: readonly Column[],
  distinct: DistinctKeys,
  features: readonly FeatureColumn[],
  columns: readonly PreparedColumn[],
): Column[] {
  const { places, nullRow, count } = distinct;
  const { rows } = entities[0]!;
  const kept = keptRows(rows, places, features, columns);
  // Distinct keys in the order of the rows: every key once.
  const identity = !kept && nullRow < 0 && count === rows.count;
  const found = identity ? rows : rootRows(count + (nullRow < 0 ? 0 : 1));
  const target = kept?.rows ?? rows;
  const at = kept ? kept.indices.map(row => places[row]!) : places;
  const made = columns.map(({ fill, feature, view }, i) => {
    const read = features[i]!;
    const col = fill(read, found, key => {
      const ofView = features.filter((_, j) => columns[j]!.view === view);
      return missingFault(joins, distinct, view.name, feature.name, read, ofView, key);
    });
    return identity ? col : gather(col, at, target);
  });
  return sources.map(source => {
    if ("feature" in source) return made[source.feature]!;
    const id = entities[source.entity]!;
    return kept ? gather(id, kept.indices, kept.rows) : id;
  });
}

/** The rows that stay where a feature that may not be missing drops some; a stored null is not missing. Undefined where none is to go. */
function keptRows(
  rows: Rows,
  places: Int32Array,
  features: readonly FeatureColumn[],
  columns: readonly PreparedColumn[],
): { readonly indices: Int32Array; readonly rows: Rows } | undefined {
  if (!columns.some(({ drops }) => drops)) return undefined;
  const statuses = features.flatMap(({ status }, i) => (columns[i]!.drops ? [status] : []));
  const { parent, offsets } = rows;
  if (!parent || !offsets)
    throw invalid('`onMissing: "drop"` needs candidates, and these keys are one per request row.');
  const indices = new Int32Array(rows.count);
  const runs = new Int32Array(offsets.length);
  let n = 0;
  for (let row = 0; row < parent.count; row++) {
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++)
      if (!statuses.some(status => isMissing(status[places[i]!]!))) indices[n++] = i;
    runs[row + 1] = n;
  }
  return { indices: indices.subarray(0, n), rows: childRows(parent, runs) };
}

function missingFault(
  joins: Lookup["joins"],
  { keys, count, firstRows, nullRow }: DistinctKeys,
  view: string,
  feature: string,
  { status }: FeatureColumn,
  ofView: readonly FeatureColumn[],
  key: number,
): RuntimeFault {
  const known = key < count;
  const entity = known
    ? joins.map(({ name, input }) => `${name} ${keys[input]!.values[key]}`).join(", ")
    : `a null ${joins.map(join => join.name).join(" or ")}`;
  const where = `${joins.length > 1 ? "columns" : "column"} ${joins.map(join => `\`${join.column}\``).join(", ")}, row ${known ? firstRows[key] : nullRow}`;
  const fault = (what: string, way: string) =>
    new RuntimeFault("NOT_FOUND", `view \`${view}\` has no ${what}. Decide with \`onMissing\` what ${way} becomes.`);
  if (status[key] === FEATURE_STATUS.outdated)
    return fault(`fresh \`${feature}\` for ${entity} (${where}): its value is older than the ttl`, "an outdated value");
  if (ofView.every(other => other.status[key] === FEATURE_STATUS.notFound))
    return fault(`entity with ${entity} (${where})`, `\`${feature}\` of an unknown entity`);
  return fault(`\`${feature}\` for ${entity} (${where})`, "a feature that is not stored");
}
