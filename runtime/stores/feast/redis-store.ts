/**
 * Feast's Redis online store, read: one HMGET per entity, whatever the number of views, all of a request in one pipeline.
 */
import { askedName, type KeyVersion } from "../../../triton-protos/artefacts/feast-key.js";
import type { RedisStore } from "../../../triton-protos/artefacts/feast-online-store.js";
import { RuntimeFault } from "../../errors.js";
import type { Column } from "../../plan/table.js";
import { type ColumnBuilder, columnBuilder, valueBytes } from "./build-column.js";
import { timestampSeconds } from "./event-time.js";
import { describeKey, keyColumnsEncoder } from "./key-column.js";
import { connectRedis, type RedisCommand } from "./redis-connection.js";
import { featureField, hashName, timeField } from "./redis-form.js";
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
  const connection = await connectRedis(store, timeoutMs);
  return {
    prepare: (reads, options) => {
      const groups = groupByEntity(reads).map(group => prepareGroup(group, keyVersion, project, options));
      return {
        getOnline: async (keys, count, signal) => {
          const asked = groups.map(group => group.ask(keys));
          const commands = asked.flat();
          const describe = (command: number): string => {
            let row = command;
            let g = 0;
            while (row >= asked[g]!.length) row -= asked[g++]!.length;
            return groups[g]!.describe(keys, row);
          };
          const replies = commands.length > 0 ? await connection.send(commands, signal, describe) : [];
          let at = 0;
          const made = new Map<ViewRead, readonly ColumnBuilder[]>();
          groups.forEach((group, g) => {
            const own = replies.slice(at, at + asked[g]!.length) as (Buffer | null)[][];
            at += own.length;
            for (const [read, builders] of group.take(own, keys, count)) made.set(read, builders);
          });
          return reads.flatMap(read => made.get(read)!.map(builder => builder.finish()));
        },
      };
    },
    close: () => connection.close(),
  };
}

/** @throws RuntimeFault naming view and entity */
function eventTime(bytes: Buffer, view: string, describe: () => string): number {
  try {
    return timestampSeconds(bytes);
  } catch (error) {
    throw new RuntimeFault(
      "INTERNAL",
      `the event time of view \`${view}\` of ${describe()} can not be read: ${(error as Error).message}. Materialize the view again.`,
      { cause: error },
    );
  }
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
  ask(keys: ReadonlyMap<string, Column>): RedisCommand[];
  /** Names the entity of a row. */
  describe(keys: ReadonlyMap<string, Column>, row: number): string;
  take(
    replies: readonly (readonly (Buffer | null)[])[],
    keys: ReadonlyMap<string, Column>,
    count: number,
  ): readonly (readonly [ViewRead, readonly ColumnBuilder[]])[];
}

function prepareGroup(reads: readonly ViewRead[], version: KeyVersion, project: string, options: ReadOptions): Group {
  const { joinKeys } = reads[0]!.view;
  const encode = keyColumnsEncoder(joinKeys, version, options.bytes);
  const fields = reads.flatMap(({ view, features }) => [
    timeField(view.storeName),
    ...features.map(feature => featureField(view.storeName, feature.name)),
  ]);
  const columnsOf = (keys: ReadonlyMap<string, Column>) => joinKeys.map(join => keys.get(askedName(join))!);
  const describeRow = (keys: ReadonlyMap<string, Column>, row: number) => describeKey(joinKeys, columnsOf(keys), row);
  return {
    describe: describeRow,
    ask: keys => encode(columnsOf(keys)).map((key): RedisCommand => ["HMGET", hashName(key, project), ...fields]),
    take: (replies, keys, count) => {
      let first = 0;
      return reads.map(read => {
        const start = first;
        first += 1 + read.features.length;
        const builders = read.features.map(feature => columnBuilder(read.view, feature, count, options));
        replies.forEach((values, row) => {
          const time = values[start];
          const describe = () => describeRow(keys, row);
          const seconds = time && options.eventTimes ? eventTime(time, read.view.name, describe) : undefined;
          builders.forEach((builder, f) => {
            const value = values[start + 1 + f] ?? null;
            // No event time and no value: the view has no such entity.
            if (value !== null || time) builder.add(row, valueBytes(value), describe, seconds);
          });
        });
        return [read, builders] as const;
      });
    },
  };
}
