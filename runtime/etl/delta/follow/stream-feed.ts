/**
 * A Redis stream as a feed. Its position in the delta is the id of the last entry that was applied, so no consumer group is needed. An entry that
 * cannot be applied is reported and skipped; it stays in the stream under its id.
 */

import type { RedisStore } from "../../../../formats/feast/feast-online-store.js";
import { invalid } from "../../../base/errors.js";
import type { Feed, FeedBatch, RowForm, Warn } from "./feed.js";
import { isBefore, readStream, type StreamRead, type StreamState } from "./read-stream.js";
import { connectStream } from "./stream-connection.js";
import { batchOf, type EntryChange, type EntryOptions, readEntry, type StreamEntry } from "./stream-entry.js";

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

interface StreamPosition {
  /** "0-0" at the beginning. */
  readonly id: string;
  /** At most the number of entries that were added up to the id; undefined if the server does not count. */
  readonly added: number | undefined;
}

/**
 * The position of a stream in the delta. It has the id of the last entry that was applied, and the number of entries that had been added up to it.
 * The number shows whether entries were trimmed before they were read.
 */
const printPosition = ({ id, added }: StreamPosition): string => (added === undefined ? id : `${id} ${added}`);

function readPosition(text: string | undefined): StreamPosition {
  const [id = "0-0", added] = text?.split(" ") ?? [];
  return { id, added: added === undefined ? undefined : Number(added) };
}

/** The position behind the entries that were read. */
function positionAfter(before: StreamPosition, { state, entries, isEnd }: StreamRead): StreamPosition {
  const { id } = entries.at(-1)!;
  if (state?.added === undefined) return { id, added: undefined };
  if (isEnd) return { id, added: state.added };
  // Entries that were trimmed before the first read count as added.
  const known = before.id === "0-0" ? state.added - state.length : before.added;
  return { id, added: known === undefined ? undefined : known + entries.length };
}

/**
 * @returns a text about entries that were removed before they were read
 * @throws RuntimeFault for a stream that was made anew
 */
function lostEntries(key: string, after: StreamPosition, state: StreamState): string | undefined {
  if (after.id === "0-0") return undefined;
  if (isBefore(state.lastId, after.id))
    throw invalid(
      `stream \`${key}\` ends at ${state.lastId}, and entries up to ${after.id} were applied: it was made anew. Follow it with another \`--name\`, which begins at its first entry.`,
    );
  const isTrimmed = state.firstId === undefined || isBefore(after.id, state.firstId);
  const trimmed =
    isTrimmed && state.added !== undefined && after.added !== undefined ? state.added - after.added - state.length : 0;
  if (trimmed <= 0 && !isBefore(after.id, state.deletedId)) return undefined;
  return `stream ${key}: ${trimmed > 0 ? `${trimmed} entries` : "entries"} after ${after.id} were removed before they were read. Items may be missing: apply them from a file, and let the stream keep more entries.`;
}
