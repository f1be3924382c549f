/**
 * The position of a stream in the delta. It has the id of the last entry that was applied, and the number of entries that had been added up to it.
 * The number shows whether entries were trimmed before they were read.
 */
import { RuntimeFault } from "../../../base/errors.js";
import { isBefore, type StreamRead, type StreamState } from "./read-stream.js";

export interface StreamPosition {
  /** "0-0" at the beginning. */
  readonly id: string;
  /** At most the number of entries that were added up to the id; undefined if the server does not count. */
  readonly added: number | undefined;
}

export const printPosition = ({ id, added }: StreamPosition): string => (added === undefined ? id : `${id} ${added}`);

export function readPosition(text: string | undefined): StreamPosition {
  const [id = "0-0", added] = text?.split(" ") ?? [];
  return { id, added: added === undefined ? undefined : Number(added) };
}

/** The position behind the entries that were read. */
export function positionAfter(before: StreamPosition, { state, entries, isEnd }: StreamRead): StreamPosition {
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
export function lostEntries(key: string, after: StreamPosition, state: StreamState): string | undefined {
  if (after.id === "0-0") return undefined;
  if (isBefore(state.lastId, after.id))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `stream \`${key}\` ends at ${state.lastId}, and entries up to ${after.id} were applied: it was made anew. Follow it with another \`--name\`, which begins at its first entry.`,
    );
  const isTrimmed = state.firstId === undefined || isBefore(after.id, state.firstId);
  const trimmed =
    isTrimmed && state.added !== undefined && after.added !== undefined ? state.added - after.added - state.length : 0;
  if (trimmed <= 0 && !isBefore(after.id, state.deletedId)) return undefined;
  return `stream ${key}: ${trimmed > 0 ? `${trimmed} entries` : "entries"} after ${after.id} were removed before they were read. Items may be missing: apply them from a file, and let the stream keep more entries.`;
}
