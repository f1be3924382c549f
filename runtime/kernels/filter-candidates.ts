/**
 * Candidates, and a list of ids per user -> the candidates that are not in their own user's list; order and doubles stay. Linear in both.
 */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { type Column, childRows, gather } from "../plan/table.js";
import { idSet } from "./id-set.js";

export const filterCandidates: Kernel<"filterCandidates"> = {
  prepare: step => {
    const name = step.inputs.input![0]!.name;
    const listName = step.inputs.filterOut![0]!.name;
    return { run: inputs => [filter(inputs.input![0]!, inputs.filterOut![0]!, name, listName)] };
  },
};

function filter(candidates: Column, out: Column, name: string, listName: string): Column {
  const { parent, offsets } = candidates.rows;
  if (!parent || !offsets)
    throw new RuntimeFault("INVALID_ARGUMENT", `column \`${name}\` holds no candidates: its rows belong to no user.`);
  if (out.rows !== parent)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${listName}\` has ${out.rows.count} rows, and \`${name}\` was made for ${parent.count}.`,
    );
  if (out.dtype !== candidates.dtype)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${listName}\` holds ${out.dtype} and \`${name}\` ${candidates.dtype}: ids of one dtype are compared.`,
    );
  const set = idSet(out.values, out.validity, candidates.values);
  const width = out.width ?? 1;
  const kept = new Int32Array(candidates.rows.count);
  const runs = new Int32Array(parent.count + 1);
  let n = 0;
  for (let row = 0; row < parent.count; row++) {
    set.fill(out.offsets ? out.offsets[row]! : row * width, out.offsets ? out.offsets[row + 1]! : (row + 1) * width);
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++)
      if (candidates.validity?.[i] === 0 || !set.has(i)) kept[n++] = i;
    runs[row + 1] = n;
  }
  return gather(candidates, kept.subarray(0, n), childRows(parent, runs));
}
