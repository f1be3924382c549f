/** A key, or a list of keys, per row → the candidates that a table has for them, as child rows. The table is read again when it is replaced. */
import type { Step } from "../../contract/plan.js";
import { type Column, childRows, gather, rootRows } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { openCandidateTable, type ServedTable } from "../../runtime/stores/candidates/candidate-table.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { listMerger, type Merged } from "./kernel-merge.js";

export const lookupCandidates: Kernel<"lookupCandidates"> = {
  prepare: (step, context) => {
    const ref = step.inputs.input[0];
    const keyType = context.schemaOf?.(ref)?.dtype;
    const table = openCandidateTable(artefactFile(context.folder, step.artefacts.table), {
      path: step.params.path,
      ids: step.outputs[0]!.dtype,
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
  if (!table.scores) throw new RuntimeFault("INTERNAL", `the table \`${step.params.path}\` has no scores.`);
  return [ids, { dtype: "float32", rows: made, values: Float32Array.from(scores) }];
}
