/**
 * Rows and a count for each → each row repeated that number of times. The result of `gather` for an index that is constant over runs,
 * without the index: the engine fills a run at once.
 */
import { int32s, shortArray } from "./short-arrays.js";
import type { Column, Rows, Values } from "./table.js";

/**
 * @param runs Int32, `col.rows.count + 1` entries: row i becomes rows `runs[i] … runs[i + 1] - 1` of the result
 * @param rows of the result
 */
export function repeatRows(col: Column, runs: Int32Array, rows: Rows): Column {
  const { dtype, values, offsets, width, validity, listValidity } = col;
  if (!offsets && (width ?? 1) === 1) {
    const repeated = fillRuns(values, runs, shortArray(dtype, rows.count));
    if (!validity && width === undefined) return { dtype, rows, values: repeated };
    const present = validity && fillRuns(validity, runs, new Uint8Array(rows.count));
    return {
      ...{ dtype, rows, values: repeated },
      ...(width !== undefined && { width: 1 }),
      ...(present && { validity: present as Uint8Array }),
    };
  }
  const starts = offsets ?? Int32Array.from({ length: col.rows.count + 1 }, (_, i) => i * width!);
  const ends = repeatedOffsets(starts, runs);
  const total = ends[rows.count]!;
  const repeated = copyRuns(values, starts, runs, ends, shortArray(dtype, total));
  const present = validity && copyRuns(validity, starts, runs, ends, new Uint8Array(total));
  const shape = offsets ? { offsets: ends } : { width: width! };
  const lists = listValidity && fillRuns(listValidity, runs, new Uint8Array(rows.count));
  return {
    ...{ dtype, rows, values: repeated, ...shape },
    ...(present && { validity: present as Uint8Array }),
    ...(lists && { listValidity: lists as Uint8Array }),
  };
}

function fillRuns(from: Values, runs: Int32Array, to: Values): Values {
  for (let row = 0; row + 1 < runs.length; row++)
    if (runs[row]! < runs[row + 1]!) (to as Float64Array).fill(from[row] as number, runs[row]!, runs[row + 1]!);
  return to;
}

/** The list offsets of the result's rows. */
function repeatedOffsets(starts: Int32Array, runs: Int32Array): Int32Array {
  const ends = int32s(runs[runs.length - 1]! + 1);
  for (let row = 0; row + 1 < runs.length; row++) {
    const length = starts[row + 1]! - starts[row]!;
    for (let i = runs[row]!; i < runs[row + 1]!; i++) ends[i + 1] = ends[i]! + length;
  }
  return ends;
}

/** One copy of each list, which then doubles until the run is full. */
function copyRuns(from: Values, starts: Int32Array, runs: Int32Array, ends: Int32Array, to: Values): Values {
  for (let row = 0; row + 1 < runs.length; row++) {
    const [at, end] = [ends[runs[row]!]!, ends[runs[row + 1]!]!];
    if (at === end) continue;
    const length = starts[row + 1]! - starts[row]!;
    if (Array.isArray(from)) for (let j = 0; j < length; j++) (to as string[])[at + j] = from[starts[row]! + j]!;
    else (to as Float64Array).set((from as Float64Array).subarray(starts[row]!, starts[row + 1]!), at);
    for (let done = length; done < end - at; done *= 2)
      (to as Float64Array).copyWithin(at + done, at, at + Math.min(done, end - at - done));
  }
  return to;
}
