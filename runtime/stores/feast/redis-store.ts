/**
 * Feast's Redis online store, read: one HMGET per entity, whatever the number of views, all of a request in one write for each server.
 */
import { askedName, type KeyVersion } from "../../../formats/feast/feast-key.js";
import type { RedisStore } from "../../../formats/feast/feast-online-store.js";
import { decodeValue } from "../../../formats/feast/feast-value.js";
import type { Column } from "../../base/columns/table.js";
import { internal } from "../../base/errors.js";
import { type ColumnBuilder, columnBuilder, type PushValue } from "./build-column.js";
import { timestampSeconds } from "./event-time.js";
import { describeKey, keyColumnsEncoder } from "./key-column.js";
import { featureField, hashNamer, timeField } from "./redis-form.js";
import { connectHashReader, type HashPart, type HashQuery } from "./redis-hashes.js";
import type { FeatureStore, ReadOptions, ViewRead } from "./store.js";

export interface RedisReadOptions {
  readonly project: string;
  readonly keyVersion: KeyVersion;
  readonly timeoutMs: number;
}

/** @throws RuntimeFault when no server answers */
export async function openRedisStore(
  store: RedisStore,
  { project, keyVersion, timeoutMs }: RedisReadOptions,
): Promise<FeatureStore> {
  const reader = await connectHashReader(store, timeoutMs);
  return {
    prepare: (reads, options) => {
      const groups = groupByEntity(reads).map(group => prepareGroup(group, keyVersion, project, options));
      return {
        getOnline: async (keys, count, signal) => {
          const queries = groups.map(group => group.query(keys));
          const describe = (group: number, row: number) => groups[group]!.describe(keys, row);
          const empty = queries.every(query => query.keys.length === 0);
          const parts = empty ? groups.map(() => []) : await reader.read(queries, signal, describe);
          const made = new Map<ViewRead, readonly ColumnBuilder[]>();
          groups.forEach((group, g) => {
            for (const [read, builders] of group.take(parts[g]!, keys, count)) made.set(read, builders);
          });
          return reads.flatMap(read => made.get(read)!.map(builder => builder.finish()));
        },
      };
    },
    close: () => reader.close(),
  };
}

/** Views of the same entity share its hash. */
function groupByEntity(reads: readonly ViewRead[]): ViewRead[][] {
  const groups = new Map<string, ViewRead[]>();
  for (const read of reads) {
    const key = JSON.stringify(read.view.joinKeys);
    groups.set(key, [...(groups.get(key) ?? []), read]);
  }
  return [...groups.values()];
}

interface Group {
  query(keys: ReadonlyMap<string, Column>): HashQuery;
  /** Names the entity of a row. */
  describe(keys: ReadonlyMap<string, Column>, row: number): string;
  take(
    parts: readonly HashPart[],
    keys: ReadonlyMap<string, Column>,
    count: number,
  ): readonly (readonly [ViewRead, readonly ColumnBuilder[]])[];
}

function prepareGroup(reads: readonly ViewRead[], version: KeyVersion, project: string, options: ReadOptions): Group {
  const { joinKeys } = reads[0]!.view;
  const encode = keyColumnsEncoder(joinKeys, version, options.bytes);
  const nameOf = hashNamer(project);
  const fields = reads.flatMap(({ view, features }) => [
    timeField(view.storeName),
    ...features.map(feature => featureField(view.storeName, feature.name)),
  ]);
  const columnsOf = (keys: ReadonlyMap<string, Column>) => joinKeys.map(join => keys.get(askedName(join))!);
  const describe = (keys: ReadonlyMap<string, Column>, row: number) => describeKey(joinKeys, columnsOf(keys), row);
  return {
    describe,
    query: keys => ({ keys: encode(columnsOf(keys)).map(nameOf), fields }),
    take: (parts, keys, count) => {
      let first = 0;
      return reads.map(read => {
        const builders = read.features.map(feature => columnBuilder(read.view, feature, count, options));
        for (const part of parts)
          takePart(part, { first, fields: fields.length }, builders, read.view.name, options, row =>
            describe(keys, row),
          );
        first += 1 + read.features.length;
        return [read, builders] as const;
      });
    },
  };
}

/** @param place of a view's event time among the fields; its features follow */
function takePart(
  { bytes, places, rows }: HashPart,
  { first, fields }: { readonly first: number; readonly fields: number },
  builders: readonly ColumnBuilder[],
  view: string,
  { eventTimes }: ReadOptions,
  describe: (row: number) => string,
): void {
  const count = places.length / 2 / fields;
  let row = 0;
  let at = 0;
  // One of each for all values: a closure for each cell costs more than to decode it.
  const describeRow = () => describe(row);
  const push: PushValue = sink => {
    const start = places[at]!;
    if (start < 0) return null;
    const end = places[at + 1]!;
    try {
      return decodeValue(bytes, sink, start, end);
    } catch {
      // Messages count from the first byte of the value.
      return decodeValue(bytes.subarray(start, end), sink);
    }
  };
  for (let i = 0; i < count; i++) {
    row = rows?.[i] ?? i;
    const time = 2 * (i * fields + first);
    const known = places[time]! >= 0;
    const seconds =
      known && eventTimes ? eventTime(bytes.subarray(places[time], places[time + 1]), view, describeRow) : undefined;
    for (let f = 0; f < builders.length; f++) {
      at = time + 2 * (f + 1);
      // No event time and no value: the view has no such entity.
      if (known || places[at]! >= 0) builders[f]!.add(row, push, describeRow, seconds);
    }
  }
}

/** @throws RuntimeFault naming view and entity */
function eventTime(bytes: Uint8Array, view: string, describe: () => string): number {
  try {
    return timestampSeconds(bytes);
  } catch (error) {
    throw internal(
      `the event time of view \`${view}\` of ${describe()} can not be read: ${(error as Error).message}. Materialize the view again.`,
      { cause: error },
    );
  }
}
