/** Reads entries of a Redis stream, bounded by their bytes, and the state of the stream at the same moment. */
import { invalid } from "../../../base/errors.js";
import type { StreamConnection } from "./stream-connection.js";
import type { StreamEntry } from "./stream-entry.js";

export interface StreamState {
  /** Id of the last entry that was ever added. */
  readonly lastId: string;
  /** The largest id that `XDEL` removed; trimming does not count. */
  readonly deletedId: string;
  /** Entries that were ever added; undefined before Redis 7. */
  readonly added: number | undefined;
  readonly length: number;
  /** Id of the first entry, if there is one. */
  readonly firstId: string | undefined;
}

export interface StreamRead {
  /** Undefined if there is no stream. */
  readonly state: StreamState | undefined;
  readonly entries: readonly StreamEntry[];
  /** Whether the last entry is the newest of the stream. */
  readonly isEnd: boolean;
}

export interface ReadBounds {
  /** At least one entry is read. */
  readonly batchBytes: number;
  readonly mostEntries: number;
  /** Fields of a larger entry are left out. */
  readonly maxBytes: number;
}

/** In a script, because no command reports the size of an entry without sending it. */
const READ = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'stream' then return { kind } end
local state = { ['last-generated-id'] = '0-0', ['max-deleted-entry-id'] = '0-0', ['entries-added'] = -1, ['length'] = 0 }
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do if state[info[i]] then state[info[i]] = info[i + 1] end end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local after, room, most, largest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found, isFull = {}, false
while not isFull do
  local some = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', 32)
  if #some == 0 then break end
  for _, entry in ipairs(some) do
    local size = 0
    for _, text in ipairs(entry[2]) do size = size + #text end
    local fields = entry[2]
    if size > largest then fields = {} else room = room - size end
    isFull = #found > 0 and (room < 0 or #found >= most)
    if isFull then break end
    found[#found + 1] = { entry[1], size, fields }
    after = entry[1]
  end
end
return { kind, state['last-generated-id'], state['max-deleted-entry-id'], state['entries-added'], state['length'],
  first and first[1] or '', isFull and 0 or 1, found }`;

type Reply = readonly [Buffer, Buffer, Buffer, number, number, Buffer, number, readonly [Buffer, number, Buffer[]][]];

/** @throws RuntimeFault for a key that is not a stream */
export async function readStream(
  connection: StreamConnection,
  key: string,
  after: string,
  { batchBytes, mostEntries, maxBytes }: ReadBounds,
): Promise<StreamRead> {
  const reply = await connection.call("EVAL", READ, 1, key, after, batchBytes, mostEntries, maxBytes);
  const [type, lastId, deletedId, added, length, firstId, isEnd, found] = reply as Reply;
  const kind = type.toString();
  if (kind === "none") return { state: undefined, entries: [], isEnd: true };
  if (kind !== "stream") throw invalid(`\`${key}\` is a ${kind}, not a stream. Correct the name of the stream.`);
  return {
    state: {
      lastId: lastId.toString(),
      deletedId: deletedId.toString(),
      added: added < 0 ? undefined : added,
      length,
      firstId: firstId.toString() || undefined,
    },
    entries: found.map(([id, bytes, fields]) => ({ id: id.toString(), bytes, fields })),
    isEnd: isEnd === 1,
  };
}

/** Whether an id, such as `1526919030474-55`, precedes another. */
export function isBefore(a: string, b: string): boolean {
  const [ms = 0n, n = 0n] = a.split("-").map(BigInt);
  const [ofMs = 0n, ofN = 0n] = b.split("-").map(BigInt);
  return ms < ofMs || (ms === ofMs && n < ofN);
}
