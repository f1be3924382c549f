/**
 * The candidates of a user's sources → each once, with its rank and score in each source. A rank is the place in the source's list, from 1;
 * nulls and repeated ids keep theirs. Candidates are in the order of their first appearance if sources are read in turn.
 */
import { distinctKeys } from "../../runtime/base/columns/distinct-keys.js";
import type { Column, Values } from "../../runtime/base/columns/table.js";
import type { PartCounters } from "../../runtime/engine/schedule/kernel.js";
import { scoreValues } from "../shared/kernel/score-values.js";

export interface SourceColumns {
  readonly ids: Column;
  readonly scores?: Column;
}

/** The arrays are reused for the next user. */
export interface Collected {
  readonly count: number;
  readonly sources: number;
  /** Row of each candidate in the stacked sources, where it appears first. */
  readonly firstPlaces: Int32Array;
  /** The source of its best rank; the earlier one of equals. */
  readonly owners: Int32Array;
  /** `[candidate * sources + source]`: 0 if the source did not find it. */
  readonly ranks: Int32Array;
  /** NaN if the source did not find it, or has no score for it. */
  readonly scores: Float64Array;
}

/** @param all the ids of the sources that are there, one source after the other */
export function collector(
  sources: readonly (SourceColumns | undefined)[],
  all: Column,
  parts: readonly PartCounters[],
): (row: number) => Collected {
  const ids = distinctKeys([all]);
  const lists = listsOf(sources);
  const longest = longestRow(sources);
  const width = sources.length;
  /** By id: 1 + the row that has met it last, and its place among that row's candidates. */
  const metBy = new Int32Array(ids.count);
  const placeOf = new Int32Array(ids.count);
  const firstPlaces = new Int32Array(longest);
  const owners = new Int32Array(longest);
  const ranks = new Int32Array(longest * width);
  const scores = new Float64Array(longest * width);
  return row => {
    let count = 0;
    let isLeft = true;
    for (let turn = 0; isLeft; turn++) {
      isLeft = false;
      for (let s = 0; s < width; s++) {
        const list = lists[s];
        if (!list) continue;
        const at = list.offsets[row]! + turn;
        if (at >= list.offsets[row + 1]!) continue;
        isLeft = true;
        const place = list.before + at;
        const id = ids.places[place]!;
        // Nulls share the place behind the last id; a float that is no number is null too.
        if (id >= ids.count || isNaNAt(all.values, place)) continue;
        if (metBy[id] !== row + 1) {
          metBy[id] = row + 1;
          placeOf[id] = count;
          firstPlaces[count] = place;
          owners[count] = s;
          ranks.fill(0, count * width, (count + 1) * width);
          scores.fill(Number.NaN, count * width, (count + 1) * width);
          count++;
        }
        const own = placeOf[id]! * width + s;
        if (ranks[own] !== 0) continue;
        ranks[own] = turn + 1;
        parts[s]!.found++;
        if (!list.scores) continue;
        scores[own] = list.validity?.[at] === 0 ? Number.NaN : list.scores[at]!;
        if (!Number.isFinite(scores[own])) parts[s]!.unscored++;
      }
    }
    return { count, sources: width, firstPlaces, owners, ranks, scores };
  };
}

interface List {
  /** Rows of the sources before it. */
  readonly before: number;
  readonly offsets: Int32Array;
  readonly scores?: Float32Array | Float64Array;
  readonly validity?: Uint8Array | undefined;
}

function listsOf(sources: readonly (SourceColumns | undefined)[]): readonly (List | undefined)[] {
  let before = 0;
  return sources.map(source => {
    if (!source) return undefined;
    const { ids, scores } = source;
    const list = {
      before,
      offsets: ids.rows.offsets!,
      ...(scores && { scores: scoreValues(scores), validity: scores.validity }),
    };
    before += ids.rows.count;
    return list;
  });
}

/** Candidates of the user who has most. */
function longestRow(sources: readonly (SourceColumns | undefined)[]): number {
  const all = sources.flatMap(source => source?.ids.rows.offsets ?? []);
  let most = 0;
  for (let row = 0; row + 1 < (all[0]?.length ?? 0); row++) {
    let count = 0;
    for (const offsets of all) count += offsets[row + 1]! - offsets[row]!;
    if (count > most) most = count;
  }
  return most;
}

const isNaNAt = (values: Values, at: number): boolean =>
  (values instanceof Float32Array || values instanceof Float64Array) && Number.isNaN(values[at]);
