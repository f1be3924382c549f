/**
 * Several element-wise steps as one. Each column is processed in blocks, and a step's result for a block is in cache when the next one
 * reads it. Every value is rounded as it would be in a column between the steps, so the answer is the steps' own, bit for bit.
 */

import type { AnyStep } from "../../contract/plan.js";
import { shortArray } from "../../runtime/base/columns/short-arrays.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import type { Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { hasNumbers, notNumbers } from "../shared/kernel/float-values.js";
import { withValues } from "../shared/kernel/with-values.js";
import { fusedPrograms, type Program } from "./kernel-program.js";

/** Values in a block: three registers fit the first cache. */
const BLOCK = 1024;
/** Below, a loop is faster than the views that a copy needs. */
const FEW = 16;

/** Shared by all steps: a run is one turn. */
const scratch: Float64Array[] = [];

export const fused: Kernel<"fused"> = {
  prepare: step => {
    // Prepared now, so that what is missing is known now; again for other dtypes than the first table's.
    let dtypes: readonly DType[] = step.inputs.input.map(() => "float64");
    let programs = fusedPrograms(step, dtypes);
    return {
      run: (inputs, context) => {
        const columns = inputs.input;
        if (columns.some((col, i) => col.dtype !== dtypes[i])) {
          dtypes = columns.map(col => col.dtype);
          programs = fusedPrograms(step, dtypes);
        }
        const made: Column[] = [];
        for (const program of programs) runProgram(program, columns, step.outputs, made, context);
        return made;
      },
    };
  },
};

function runProgram(
  { inputs, outputs, instructions, registers }: Program,
  columns: readonly Column[],
  schemas: AnyStep["outputs"],
  made: Column[],
  context: RunContext,
): void {
  while (scratch.length < registers) scratch.push(new Float64Array(BLOCK));
  const shape = columns[inputs[0]!]!;
  const count = shape.values.length;
  for (const i of outputs) {
    const { dtype } = schemas[i]!;
    made[i] = withValues(shape, dtype, shortArray(dtype, count));
  }
  const clock = context.onPart && partClock();
  // At least once even without rows, so that an unreadable column is reported.
  for (let at = 0; at < count || at === 0; at += BLOCK) {
    const size = Math.min(BLOCK, count - at);
    for (const each of instructions) {
      if (each.does === "run") each.run(scratch, size);
      else if (each.does === "load") load(columns[each.column]!, scratch[each.register]!, at, size, each.part);
      else made[each.column] = store(made[each.column]!, scratch[each.register]!, at, size);
      clock?.tick(each.part);
    }
  }
  clock?.tell(context.onPart!);
}

function load(col: Column, to: Float64Array, at: number, size: number, reader: AnyStep): void {
  const { values, validity } = col;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const pairs = words(values);
    const isSigned = values instanceof BigInt64Array;
    for (let i = 0; i < size; i++) {
      const high = pairs[2 * (at + i) + 1]!;
      to[i] = (isSigned ? high : high >>> 0) * 4294967296 + (pairs[2 * (at + i)]! >>> 0);
    }
  } else {
    if (!hasNumbers(col)) throw notNumbers(col, `step \`${reader.id}\` (${reader.op})`);
    const numbers = values as Float32Array;
    if (size < FEW) for (let i = 0; i < size; i++) to[i] = numbers[at + i]!;
    else to.set(size === numbers.length ? numbers : numbers.subarray(at, at + size));
  }
  if (validity) for (let i = 0; i < size; i++) if (validity[at + i] === 0) to[i] = Number.NaN;
}

/** Writes a block into a column; NaN is 0 and null where the dtype has none. @returns the column, now perhaps with nulls */
function store(col: Column, from: Float64Array, at: number, size: number): Column {
  const values = col.values as Float32Array;
  if (size < FEW) for (let i = 0; i < size; i++) values[at + i] = from[i]!;
  else values.set(size === BLOCK ? from : from.subarray(0, size), at);
  if (datatype(col.dtype).kind === "float") return col;
  let { validity } = col;
  for (let i = 0; i < size; i++)
    if (Number.isNaN(from[i])) {
      validity ??= new Uint8Array(values.length).fill(1);
      validity[at + i] = 0;
    }
  return validity ? { ...col, validity } : col;
}

/** Shares the time between the author's steps. */
function partClock() {
  const spent = new Map<string, number>();
  let last = performance.now();
  return {
    tick: ({ id }: AnyStep): void => {
      const now = performance.now();
      spent.set(id, (spent.get(id) ?? 0) + now - last);
      last = now;
    },
    tell: (onPart: NonNullable<RunContext["onPart"]>): void => {
      for (const [step, ms] of spent) onPart(step, ms * 1000);
    },
  };
}
