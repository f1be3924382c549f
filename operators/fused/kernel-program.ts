/**
 * A fused step → what is done to each block: load inputs into registers, run the parts' loops, store outputs. Columns that a function of several
 * takes together make one program; every other column is a program of its own.
 */

import { sourceInside } from "../../contract/expand-fused.js";
import { type ColumnRef, type Fitted, type FittedStep, keyOf, REQUEST_STEP } from "../../contract/plan.js";
import { internal, invalid } from "../../runtime/base/errors.js";
import type { DType } from "../../triton-protos/datatype.js";
import { bucketizeLoop } from "../bucketize/kernel.js";
import { clipLoop } from "../clip/kernel.js";
import { fillMedianLoop } from "../fill-median/kernel.js";
import { fillMissingLoop, nullLoop } from "../fill-missing/kernel.js";
import { lambdaLoop } from "../lambda-op/kernel.js";
import { logLoop } from "../log-op/kernel.js";
import { normalizeLoop } from "../normalize/kernel.js";
import { normalizeMinMaxLoop } from "../normalize-min-max/kernel.js";

export type Registers = readonly Float64Array[];

/** Loads an input into a register, runs a loop, or stores a register in an output. */
export type Instruction = {
  /** The author's step that it belongs to. */
  readonly part: FittedStep;
} & (
  | { readonly does: "load" | "store"; readonly column: number; readonly register: number }
  | { readonly does: "run"; readonly run: (registers: Registers, count: number) => void }
);

export interface Program {
  /** Inputs of the step that it reads; the first has the shape of its outputs. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly instructions: readonly Instruction[];
  readonly registers: number;
}

interface Made {
  readonly part: FittedStep;
  readonly reads: readonly string[];
  readonly writes: string;
  readonly dtype: DType;
  readonly run: (from: Registers, to: Float64Array, count: number) => void;
}

/** @param dtypes of the step's inputs, as they arrive */
export function fusedPrograms(step: Fitted<"fused">, dtypes: readonly DType[]): readonly Program[] {
  const inputs = step.inputs.input;
  const dtypeOf = new Map(inputs.map((ref, i) => [keyOf({ step: REQUEST_STEP, column: ref.name }), dtypes[i]!]));
  const all = step.parts.flatMap(part =>
    part.outputs.map((c): Made => {
      const made = makeColumn(part, c, ref => dtypeOf.get(keyOf(ref))!);
      dtypeOf.set(made.writes, c.dtype);
      return made;
    }),
  );
  const stores = step.outputs.map(({ name }) => keyOf(sourceInside(step, name)));
  const places = inputs.map(ref => keyOf({ step: REQUEST_STEP, column: ref.name }));
  return together(places, all).map(made => allocate(places, made, stores));
}

function makeColumn(
  part: FittedStep,
  { name, dtype }: FittedStep["outputs"][number],
  dtypeOf: (ref: ColumnRef) => DType,
): Made {
  const refs = part.inputs.input;
  const writes = keyOf({ step: part.id, column: name });
  const made = (read: readonly ColumnRef[], run: Made["run"]): Made => ({
    part,
    reads: read.map(keyOf),
    writes,
    dtype,
    run,
  });
  if (part.op === "lambdaOp") {
    // A function of each column by itself makes as many as it reads.
    const own =
      part.outputs.length === refs.length && refs.length > 1
        ? [refs[part.outputs.findIndex(o => o.name === name)]!]
        : refs;
    return made(own, lambdaLoop(part, own, name, dtype, own.map(dtypeOf)));
  }
  const direct = refs.find(ref => ref.name === name);
  const ref = direct ?? refs.find(r => `${r.name}_filled` === name);
  if (!ref)
    throw internal(`step \`${part.id}\` (${part.op}) has an output \`${name}\` that is not from any of its inputs.`);
  const loop = direct ? loopOf(part, name, dtype) : nullLoop;
  return made([ref], ([from], to, count) => loop(from!, to, count));
}

function loopOf(part: FittedStep, column: string, dtype: DType) {
  switch (part.op) {
    case "fillMissing":
      return fillMissingLoop(part, column, dtype);
    case "fillMedian":
      return fillMedianLoop(part, column, dtype);
    case "clip":
      return clipLoop(part, column, dtype);
    case "logOp":
      return logLoop(part, column, dtype);
    case "normalize":
      return normalizeLoop(part, column, dtype);
    case "normalizeMinMax":
      return normalizeMinMaxLoop(part, column, dtype);
    case "bucketize":
      return bucketizeLoop(part, column, dtype);
    default:
      throw invalid(`step \`${part.id}\` (${part.op}) is not a part of a fused step. Build the plan again.`);
  }
}

/** Columns that hang together by functions of several. */
function together(inputs: readonly string[], all: readonly Made[]): readonly (readonly Made[])[] {
  const of = new Map(inputs.map(key => [key, { made: [] as Made[] }]));
  for (const made of all) {
    const [first, ...others] = [...new Set(made.reads.map(read => of.get(read)!))];
    const joined = others.length ? { made: [first!, ...others].flatMap(c => c.made) } : first!;
    joined.made.push(made);
    if (others.length) for (const [key, c] of of) if (c === first || others.includes(c)) of.set(key, joined);
    of.set(made.writes, joined);
  }
  const place = new Map(all.map((made, i) => [made, i]));
  return [...new Set(of.values())]
    .filter(({ made }) => made.length > 0)
    .map(({ made }) => made.toSorted((a, b) => place.get(a)! - place.get(b)!));
}

/** Registers are few: one is free again after the last loop that reads it, and that loop may write where it reads. */
function allocate(places: readonly string[], made: readonly Made[], stores: readonly string[]): Program {
  const lastUse = new Map(made.flatMap((m, i) => m.reads.map(read => [read, i] as const)));
  const registerOf = new Map<string, number>();
  const free: number[] = [];
  let registers = 0;
  const take = (key: string): number => {
    const register = free.pop() ?? registers++;
    registerOf.set(key, register);
    return register;
  };
  const instructions: Instruction[] = [];
  const inputs = new Set<number>();
  const outputs: number[] = [];
  made.forEach(({ part, reads, writes, run }, i) => {
    for (const read of new Set(reads)) {
      if (registerOf.has(read)) continue;
      const load = places.indexOf(read);
      inputs.add(load);
      instructions.push({ part, does: "load", column: load, register: take(read) });
    }
    const from = reads.map(read => registerOf.get(read)!);
    for (const read of new Set(reads)) if (lastUse.get(read) === i) free.push(registerOf.get(read)!);
    const to = take(writes);
    instructions.push({
      part,
      does: "run",
      run: (all, count) =>
        run(
          from.map(r => all[r]!),
          all[to]!,
          count,
        ),
    });
    stores.forEach((key, store) => {
      if (key !== writes) return;
      outputs.push(store);
      instructions.push({ part, does: "store", column: store, register: to });
    });
    if (!lastUse.has(writes)) free.push(to);
  });
  return { inputs: [...inputs], outputs, instructions, registers };
}
