/**
 * A Redis stream as a feed. Its position in the delta is the id of the last entry that was applied, so no consumer group is needed. An entry that
 * cannot be applied is reported and skipped; it stays in the stream under its id.
 */
import type { RedisStore } from "../../../../formats/feast/feast-online-store.js";
import type { Feed, FeedBatch, RowForm, Warn } from "./feed.js";
import { readStream } from "./read-stream.js";
import { connectStream } from "./stream-connection.js";
import { batchOf, type EntryChange, type EntryOptions, readEntry, type StreamEntry } from "./stream-entry.js";
import { lostEntries, positionAfter, printPosition, readPosition } from "./stream-position.js";

/** Redis wakes a waiting reader at once; a stopped feed ends after this time. */
const BLOCK_MS = 250;
/** Entries of a batch, and refused entries of it that are printed. */
const MOST_ENTRIES = 10_000;
const MOST_PRINTED = 10;

export interface StreamOptions extends EntryOptions {
  readonly key: string;
  /** Key of the position in the delta. @default the stream's key */
  readonly name?: string | undefined;
  /** Bytes of a batch; at least one entry is read. */
  readonly batchBytes: number;
  readonly warn: Warn;
}

/** @throws RuntimeFault UNAVAILABLE if the server is away */
export async function openStreamFeed(store: RedisStore, options: StreamOptions): Promise<Feed> {
  const { key, warn } = options;
  const connection = await connectStream(store);
  let last = "0-0";
  let warned = "";
  return {
    name: `redis ${options.name ?? key}`,
    async next(position, form) {
      const after = readPosition(position);
      last = after.id;
      const found = await readStream(connection, key, last, { ...options, mostEntries: MOST_ENTRIES });
      const lost = found.state && lostEntries(key, after, found.state);
      if (lost !== undefined && lost !== warned) warn(lost);
      warned = lost ?? "";
      if (found.entries.length === 0) return undefined;
      const next = printPosition(positionAfter(after, found));
      return { ...read(found.entries, form), position: next, done: () => {} };
    },
    // The entry is read again, together with the state of the stream.
    idle: async () => {
      await connection.call("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", key, last);
    },
    close: async () => connection.close(),
  };

  function read(entries: readonly StreamEntry[], form: RowForm) {
    const changes: EntryChange[] = [];
    let refused = 0;
    for (const entry of entries)
      try {
        changes.push(readEntry(entry, form, options));
      } catch (error) {
        if (++refused <= MOST_PRINTED)
          warn(`stream ${key}, entry ${entry.id}: ${(error as Error).message}. The entry is skipped.`);
      }
    if (refused > MOST_PRINTED) warn(`stream ${key}: ${refused - MOST_PRINTED} more entries are skipped.`);
    const what = `${entries.length} entries up to ${entries.at(-1)!.id}`;
    return { ...batchOf(changes, form), what } satisfies Partial<FeedBatch>;
  }
}
