/** A key, or a list of keys, per row → the candidates that a table has for them, as child rows. The table is read again when it is replaced. */
import type { Step } from "../../contract/plan.js";
import { type Column, childRows, gather, rootRows } from "../../runtime/base/columns/table.js";
import { internal } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { openCandidateTable, type ServedTable } from "../../runtime/stores/candidates/candidate-table.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";

export const lookupCandidates: Kernel<"lookupCandidates"> = {
  prepare: (step, context) => {
    const ref = step.inputs.input[0];
    const keyType = context.schemaOf?.(ref)?.dtype;
    const table = openCandidateTable(artefactFile(context.folder, step.artefacts.table), {
      path: step.params.path,
      ids: step.outputs[0].dtype,
      needsScores: step.params.scores || step.params.merge !== "roundRobin",
      isOneList: step.params.everyone,
      ...(keyType && !step.params.everyone && { keys: keyType }),
    });
    return {
      run: ({ input }) => look(step, ref.name, input[0], table.current),
      close: () => table.close(),
    };
  },
};

function look(step: Step<"lookupCandidates">, name: string, key: Column, table: ServedTable): readonly Column[] {
  const { topk = Number.POSITIVE_INFINITY, scores: keepsScores, merge, everyone } = step.params;
  const { rows, offsets, width } = key;
  const places = everyone ? new Int32Array(rows.count) : table.find(key, name);
  const isList = !everyone && (offsets !== undefined || width !== undefined);
  const merger = isList ? listMerger(table, merge) : undefined;
  const counts = new Int32Array(rows.count + 1);
  const at: number[] = [];
  const scores: number[] = [];
  for (let row = 0; row < rows.count; row++) {
    if (merger) {
      const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width!, (row + 1) * width!];
      const merged: Merged = merger(places.subarray(from, to));
      for (let i = 0; i < merged.count && i < topk; i++) {
        at.push(merged.rows[i]!);
        scores.push(merged.scores[i]!);
      }
    } else if (places[row]! >= 0) {
      const start = table.starts[places[row]!]!;
      const end = Math.min(table.starts[places[row]! + 1]!, start + topk);
      for (let i = start; i < end; i++) {
        at.push(i);
        scores.push(table.scores?.[i] ?? 0);
      }
    }
    counts[row + 1] = at.length;
  }
  const made = childRows(rows, counts);
  const { dtype, values } = table.ids;
  const ids = gather({ dtype, values, rows: rootRows(values.length) }, Int32Array.from(at), made);
  if (!keepsScores) return [ids];
  if (!table.scores) throw internal(`the table \`${step.params.path}\` has no scores.`);
  return [ids, { dtype: "float32", rows: made, values: Float32Array.from(scores) }];
}

/** The arrays are reused for the next row. */
interface Merged {
  readonly count: number;
  /** Rows of the table. */
  readonly rows: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
}

/**
 * The lists of several keys → one list, each candidate once.
 * @param merge `"sum"` and `"max"` order by the score, equal ones by first appearance; a key that a list has twice counts once
 * @returns a function of places among the table's keys, −1 for a key that it does not have
 */
function listMerger(
  { starts, scores, idNumbers, idCount }: ServedTable,
  merge: "sum" | "max" | "roundRobin",
): (keys: Int32Array) => Merged {
  const metBy = new Int32Array(idCount);
  const placeOf = new Int32Array(idCount);
  let turn = 0;
  return keys => {
    turn++;
    const rows: number[] = [];
    const sums: number[] = [];
    const distinct = [...new Set(keys)].filter(key => key >= 0);
    const add = (row: number): void => {
      const id = idNumbers[row]!;
      const score = scores?.[row] ?? 0;
      if (metBy[id] !== turn) {
        metBy[id] = turn;
        placeOf[id] = rows.length;
        rows.push(row);
        sums.push(score);
        return;
      }
      const place = placeOf[id]!;
      sums[place] = merge === "sum" ? sums[place]! + score : Math.max(sums[place]!, score);
    };
    if (merge === "roundRobin") {
      const longest = distinct.reduce((most, key) => Math.max(most, starts[key + 1]! - starts[key]!), 0);
      for (let i = 0; i < longest; i++)
        for (const key of distinct) if (starts[key]! + i < starts[key + 1]!) add(starts[key]! + i);
      return { count: rows.length, rows, scores: sums };
    }
    for (const key of distinct) for (let row = starts[key]!; row < starts[key + 1]!; row++) add(row);
    const order = rows.map((_, i) => i).sort((a, b) => sums[b]! - sums[a]! || a - b);
    return { count: order.length, rows: order.map(i => rows[i]!), scores: order.map(i => sums[i]!) };
  };
}
