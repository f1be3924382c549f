/** Candidates of several sources → those of all, in turns, each once. */
import { distinctKeys } from "../../runtime/base/columns/distinct-keys.js";
import { stackColumns } from "../../runtime/base/columns/stack.js";
import { type Column, childRows, gather, rootRows, type Values } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { OTHER_SOURCES } from "./spec.js";

export const mergeCandidates: Kernel<"mergeCandidates"> = {
  prepare: step => {
    const { topk = Number.POSITIVE_INFINITY } = step.params;
    const ports = (["input", ...OTHER_SOURCES] as const).filter(port => step.inputs[port]);
    const names = ports.map(port => step.inputs[port]?.[0].name);
    return {
      run: inputs => {
        const sources = ports.map(port => inputs[port]![0]);
        const parent = sources[0]!.rows.parent!;
        for (const [i, { rows }] of sources.entries())
          if (rows.parent !== parent)
            throw new RuntimeFault(
              "INVALID_ARGUMENT",
              `column \`${names[i]}\` has candidates of other rows than \`${names[0]}\`.`,
            );
        const all = stackColumns(sources, rootRows(sources.reduce((n, { rows }) => n + rows.count, 0)));
        const ids = distinctKeys([all]);
        /** By id: 1 + the row that has taken it last. */
        const takenBy = new Int32Array(ids.count);
        const places = new Int32Array(all.rows.count);
        const offsets = new Int32Array(parent.count + 1);
        let n = 0;
        for (let row = 0; row < parent.count; row++) {
          n = takeInTurns(sources, all, ids.places, takenBy, row, topk, places, n);
          offsets[row + 1] = n;
        }
        return [gather(all, places.subarray(0, n), childRows(parent, offsets))];
      },
    };
  },
};

/** @returns how many places are written, those of earlier rows among them */
function takeInTurns(
  sources: readonly Column[],
  { values }: Column,
  ids: Int32Array,
  takenBy: Int32Array,
  row: number,
  topk: number,
  places: Int32Array,
  from: number,
): number {
  let n = from;
  let isLeft = true;
  for (let turn = 0; isLeft; turn++) {
    isLeft = false;
    let before = 0;
    for (const { rows } of sources) {
      const at = rows.offsets![row]! + turn;
      if (at < rows.offsets![row + 1]!) {
        isLeft = true;
        const place = before + at;
        const id = ids[place]!;
        // Nulls share the place behind the last id; a float that is no number is null too.
        if (id < takenBy.length && takenBy[id] !== row + 1 && !isNaNAt(values, place)) {
          if (n - from >= topk) return n;
          takenBy[id] = row + 1;
          places[n++] = place;
        }
      }
      before += rows.count;
    }
  }
  return n;
}

const isNaNAt = (values: Values, at: number): boolean =>
  (values instanceof Float32Array || values instanceof Float64Array) && Number.isNaN(values[at]);
