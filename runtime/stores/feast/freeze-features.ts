/**
 * A `queryFeast` step and its repository → all features that it can return, with their present values. They replace a store in a repository
 * for a stock Triton.
 */

import type { FeastTables, FeastViewTable } from "../../../contract/feast-tables.js";
import type { Step } from "../../../contract/plan.js";
import { askedName } from "../../../formats/feast/feast-key.js";
import { type FeastRepository, readFeastRepository } from "../../../formats/feast/feast-repository.js";
import { missingRule } from "../../../operators/query-feast/spec.js";
import { unsupported } from "../../base/errors.js";
import { withoutOutdated } from "./feature-ages.js";
import { missingValues } from "./feature-defaults.js";
import { prepareLookup } from "./feature-lookup.js";
import { takeSnapshot } from "./snapshot.js";

/**
 * @param folder of the Feast repository, as the executor's model carries it
 * @param now seconds since 1970
 * @throws RuntimeFault naming the store, where it is no SQLite file
 */
export function freezeFeatures(step: Step<"queryFeast">, folder: string, now: number): FeastTables {
  const repository = readFeastRepository(folder);
  const file = sqliteFile(repository, folder);
  const lookup = prepareLookup(step, repository, folder);
  const { bytes = "utf8", ttl, onMissing } = step.params;
  const snapshots = takeSnapshot({
    file,
    keyVersion: repository.keyVersion,
    reads: lookup.reads,
    options: { bytes, eventTimes: true },
    limit: Number.POSITIVE_INFINITY,
  })!;
  const views = lookup.reads.map(({ view, features }, i): FeastViewTable => {
    const { keys, features: read } = snapshots[i]!;
    const entities = keys[0]!.rows.count;
    const ttlSeconds = ttl === true ? view.ttlSeconds : (ttl ?? null);
    const wanted = lookup.wanted.filter(one => one.view === view);
    const times = read.flatMap(({ eventSeconds }) => Array.from(eventSeconds!).filter(t => !Number.isNaN(t)));
    return {
      view: view.name,
      entities,
      ttlSeconds,
      newest: times.length > 0 ? times.reduce((a, b) => Math.max(a, b)) : null,
      oldest: times.length > 0 ? times.reduce((a, b) => Math.min(a, b)) : null,
      keys: view.joinKeys.map((key, k) => ({
        name: key.name,
        input: lookup.joins.find(join => join.name === askedName(key))!.input,
        dtype: keys[k]!.dtype,
        values: keys[k]!.values,
      })),
      features: features.map((feature, f) => {
        const { schema } = wanted.find(one => one.feature === feature)!;
        const current = ttlSeconds === null ? read[f]! : withoutOutdated(read[f]!, ttlSeconds, now);
        return {
          column: schema.name,
          dtype: schema.dtype,
          // The row of an unknown entity is the graph's own.
          values: current.values,
          ...(current.offsets && { offsets: current.offsets }),
          status: current.status.subarray(0, entities),
          missing: missingValues(schema, missingRule(onMissing, schema.name, feature.name)),
        };
      }),
    };
  });
  return { taken: now, views, ids: Object.fromEntries(lookup.joins.map(({ name, input }) => [name, input])) };
}

function sqliteFile({ onlineStore }: FeastRepository, folder: string): string {
  if (onlineStore.type === "sqlite") return onlineStore.file;
  throw unsupported(
    `the features of ${folder} are in a store of type ${onlineStore.type}, which can not be read as a whole.`,
  );
}
