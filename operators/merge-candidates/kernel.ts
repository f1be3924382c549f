/** Candidates of several sources -> those of all, in turns, each once. */
import { type Column, childRows, gather } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { OTHER_SOURCES } from "./spec.js";

export const mergeCandidates: Kernel<"mergeCandidates"> = {
  prepare: step => {
    const { topk = Number.POSITIVE_INFINITY } = step.params;
    const ports = ["input", ...OTHER_SOURCES.filter(port => step.inputs[port])];
    return {
      run: inputs => {
        const sources = ports.map(port => inputs[port]![0]!);
        const parent = sources[0]!.rows.parent!;
        for (const [i, { rows }] of sources.entries())
          if (rows.parent !== parent)
            throw new RuntimeFault(
              "INVALID_ARGUMENT",
              `column \`${step.inputs[ports[i]!]![0]!.name}\` has candidates of other rows than \`${step.inputs.input![0]!.name}\`.`,
            );
        const all = stacked(sources);
        const places = new Int32Array(all.rows.count);
        const offsets = new Int32Array(parent.count + 1);
        const taken = new Set<unknown>();
        let n = 0;
        for (let row = 0; row < parent.count; row++) {
          taken.clear();
          n = takeInTurns(sources, all, row, taken, topk, places, n);
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
  { values, validity }: Column,
  row: number,
  taken: Set<unknown>,
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
        const id = values[place];
        // A float that is no number is null.
        if (validity?.[place] !== 0 && !Number.isNaN(id) && !taken.has(id)) {
          if (taken.size >= topk) return n;
          taken.add(id);
          places[n++] = place;
        }
      }
      before += rows.count;
    }
  }
  return n;
}

/** The columns below each other, in rows of their own. */
function stacked(sources: readonly Column[]): Column {
  const count = sources.reduce((sum, { rows }) => sum + rows.count, 0);
  const [{ dtype, values: first }] = sources as [Column];
  const rows = { count };
  if (Array.isArray(first)) {
    const values = sources.flatMap(col => col.values as readonly string[]);
    return { dtype, values, rows, ...validityOf(sources, count) };
  }
  const values = new (first.constructor as new (length: number) => typeof first)(count);
  let at = 0;
  for (const col of sources) {
    (values as Int32Array).set(col.values as Int32Array, at);
    at += col.rows.count;
  }
  return { dtype, values, rows, ...validityOf(sources, count) };
}

function validityOf(sources: readonly Column[], count: number): Pick<Column, "validity"> {
  if (sources.every(({ validity }) => validity === undefined)) return {};
  const validity = new Uint8Array(count).fill(1);
  let at = 0;
  for (const col of sources) {
    if (col.validity) validity.set(col.validity, at);
    at += col.rows.count;
  }
  return { validity };
}
