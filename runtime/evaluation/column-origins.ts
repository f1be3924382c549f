/** A logged column in two plans → the first thing that differs in how it is made. */
import { columnsAt, portsOf } from "../../contract/any-step.js";
import { type ColumnRef, type FittedPlan, type FittedStep, REQUEST_STEP } from "../../contract/plan.js";
import { originOf } from "./scoring-plan.js";

interface Place {
  readonly ref: ColumnRef;
  readonly steps: ReadonlyMap<string, FittedStep>;
}

/**
 * Compares operators, parameters and columns of all steps above the column. Columns and options that only one plan has are the work of
 * pruning, and are not compared. Files are compared by their paths in the programs, not by content.
 * @param name of the column in the logs of both plans; their steps are not fused
 * @returns a sentence without its full stop; undefined if nothing differs
 */
export function firstDifference(name: string, served: FittedPlan, replayed: FittedPlan): string | undefined {
  const [one, other] = [served, replayed].map(plan => placeOf(name, plan)) as [Place | undefined, Place | undefined];
  if (!one) return "the served plan does not log it";
  return other && difference(one, other);
}

function placeOf(name: string, { log, steps }: FittedPlan): Place | undefined {
  const ref = log?.columns.find(({ schema }) => schema.name === name)?.ref;
  return ref && { ref, steps: new Map(steps.map(step => [step.id, step])) };
}

function difference(served: Place, replayed: Place): string | undefined {
  const [one, other] = [originOf(served.ref, served.steps), originOf(replayed.ref, replayed.steps)];
  const [step, twin] = [served.steps.get(one.step), replayed.steps.get(other.step)];
  const both = (a: string, b: string): string => `it is ${a} in the served plan, and ${b} in the ensemble`;
  if (one.column !== other.column || step?.op !== twin?.op) return both(print(one, step), print(other, twin));
  if (!step || !twin) return undefined;
  const option = differentOption(step.params, twin.params);
  if (option !== undefined)
    return both(
      `${print(one, step)} with ${printOption(option, step)}`,
      `${print(other, twin)} with ${printOption(option, twin)}`,
    );
  for (const port of portsOf(step)) {
    const [reads, others] = [columnsAt(step, port) ?? [], columnsAt(twin, port) ?? []];
    for (const read of reads) {
      // An only column is the other's counterpart under any name.
      const isOnly = reads.length === 1 && others.length === 1;
      const match = isOnly ? others[0] : others.find(({ name }) => name === read.name);
      const found = match && difference({ ref: read, steps: served.steps }, { ref: match, steps: replayed.steps });
      if (found !== undefined) return found.replace(/^it is/, `\`${read.name}\`, which \`${step.label}\` reads, is`);
    }
  }
  return undefined;
}

/** Name of an option with different values. The name of a called model follows from its file and the ensemble's name. */
function differentOption(one: object, other: object): string | undefined {
  const [a, b] = [one, other] as Record<string, unknown>[] as [Record<string, unknown>, Record<string, unknown>];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.find(name => !(name === "model" && a["path"] !== undefined) && !isSame(a[name], b[name]));
}

/** Records by column are compared where both have the column. */
function isSame(a: unknown, b: unknown): boolean {
  if (!isRecord(a) || !isRecord(b)) return JSON.stringify(a) === JSON.stringify(b);
  return Object.keys(a).every(key => !Object.hasOwn(b, key) || isSame(a[key], b[key]));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const print = ({ column, step }: ColumnRef, made: FittedStep | undefined): string =>
  made ? `\`${column}\` of \`${made.op}\`` : `\`${step === REQUEST_STEP ? "request" : step}["${column}"]\``;

const printOption = (name: string, { params }: FittedStep): string => {
  const value = (params as Record<string, unknown>)[name];
  return value === undefined ? `no \`${name}\`` : `\`${name}\` ${(JSON.stringify(value) ?? "").slice(0, 80)}`;
};
