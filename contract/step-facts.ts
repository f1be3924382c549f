/** The facts of a step's operator, for the parameters that the step has. */
import type { z } from "zod";
import { SPECS } from "../operators/gen/specs.js";
import type { ByParams, ColumnsFact, Facts, OrderingFact } from "../operators/shared/spec/facts.js";
import { narrowEach } from "../operators/shared/spec/narrow.js";
import type { OperatorSpec } from "../operators/shared/spec/operator.js";
import type { DType } from "../triton-protos/datatype.js";
import { columnsAt, portsOf } from "./any-step.js";
import type { Expression } from "./expression.js";
import { OP_KINDS, type OpKind } from "./op-params.js";
import type { AnyStep, ColumnRef, Step } from "./plan.js";

/** Those that depend on parameters take the parameters of a step of this operator. */
export const factsOf = (op: OpKind): Facts<object> => SPECS[op].facts as unknown as Facts<object>;

const specOf = (op: OpKind): Pick<OperatorSpec<z.ZodType<object>>, "expressions" | "narrow" | "mayBeNull"> =>
  SPECS[op] as unknown as OperatorSpec<z.ZodType<object>>;

type OpAndParams = Pick<AnyStep, "op" | "params">;

const settled = <T>(fact: ByParams<object, T>, { params }: OpAndParams): T =>
  typeof fact === "function" ? (fact as (params: object) => T)(params) : fact;

/** True for a step that takes rows away or groups them; its columns then have rows of their own. */
export const changesRows = (step: AnyStep): boolean => settled(factsOf(step.op).rows, step) === "changed";

/** Whether some steps of the operator change rows. */
export const mayChangeRows = (op: OpKind): boolean => {
  const { rows } = factsOf(op);
  return rows === "changed" || typeof rows === "function";
};

/** True for a step that brings candidates for each row it reads. */
export const bringsRows = (step: OpAndParams): boolean => settled(factsOf(step.op).rows, step) === "brought";

/** True for a step that answers some of the candidates it reads. */
export const chooses = (step: OpAndParams): boolean => settled(factsOf(step.op).rows, step) === "chosen";

/** Whether a row's columns may be kept for a later request. */
export const isCacheable = (step: OpAndParams): boolean => settled(factsOf(step.op).cacheable, step);

export const readsOtherRows = (step: AnyStep): boolean => factsOf(step.op).readsOtherRows;

export const readsRowNumber = (step: AnyStep): boolean => settled(factsOf(step.op).readsRowNumber, step);

/** Whether the operator takes a function of the author's as its first argument. */
export const takesFunction = (op: OpKind): boolean => factsOf(op).takesFunction === true;
export const functionOption = (op: OpKind): string | undefined => factsOf(op).functionOption;

export const appliesWorkflow = (step: AnyStep): step is Step<"transformWorkflow"> =>
  factsOf(step.op).appliesWorkflow === true;

/** True for a step whose rows are groups of those that it reads. */
export const groupsRows = ({ op, params }: OpAndParams): boolean => factsOf(op).groupsRows?.(params) === true;

/** Whether a graph of the operator runs where models run. */
export const multiplies = (op: OpKind): boolean => factsOf(op).multiplies === true;

export const looksUp = (op: OpKind): boolean => factsOf(op).looksUp === true;

/** Whether a null integer, text or bool that a step reads fails the request. */
export const refusesNulls = (op: OpKind): boolean => factsOf(op).refusesNulls === true;

export const readsClock = (step: AnyStep): boolean => factsOf(step.op).readsClock?.(step.params) === true;

/** Whether float columns are scores of candidates; the name of the one that is. */
export const scoresOf = (step: AnyStep): boolean | string => settled(factsOf(step.op).scores, step);

export const columnsOfStep = (step: AnyStep): ColumnsFact => settled(factsOf(step.op).columns, step);

/**
 * Columns that a step passes on unchanged, one for each of its outputs, and the one that determines the rows. Undefined for operators that
 * make their columns.
 */
export function passedBy(
  step: AnyStep,
): { readonly columns: readonly ColumnRef[]; readonly rowsBy: ColumnRef | undefined } | undefined {
  const { passes } = factsOf(step.op);
  if (!passes) return undefined;
  const name = passes.rowsBy(step.params);
  return {
    columns: portsOf(step).flatMap(port => columnsAt(step, port) ?? []),
    rowsBy: step.inputs.input.find(ref => ref.name === name),
  };
}

/** Expressions and their dtypes, if they are all that a step computes; none for operators with kernels. */
export const expressionsIn = (step: AnyStep): readonly (readonly [Expression, DType])[] =>
  specOf(step.op).expressions?.(step) ?? [];

/**
 * Whether a column of a step that may make nulls may hold some. @param read whether each input column may
 * @returns undefined if it depends on values, or its operator does not say
 */
export const mayBeNull = (step: AnyStep, column: string, read: readonly boolean[]): boolean | undefined =>
  specOf(step.op).mayBeNull?.(step, column, read);

/** The step without unread columns, as far as its operator can omit them. */
export function narrowed(step: AnyStep, isRead: (column: string) => boolean): AnyStep {
  const { narrow } = specOf(step.op);
  if (narrow) return { ...step, ...narrow(step, isRead) } as AnyStep;
  return columnsOfStep(step) === "one by one" ? ({ ...step, ...narrowEach<object>(step, isRead) } as AnyStep) : step;
}

/** @returns the step as it is without chance; undefined where it draws nothing */
export function withoutChance(step: AnyStep): AnyStep | undefined {
  const params = factsOf(step.op).withoutChance?.(step.params);
  return params && ({ ...step, params } as AnyStep);
}

export const draws = (step: AnyStep): boolean => withoutChance(step) !== undefined;

/** How a step orders a user's candidates; undefined for a step that does not. */
export const orderingOf = ({ op, params }: OpAndParams): OrderingFact | undefined => factsOf(op).orders?.(params);

type BranchOf<P> = { [N in keyof P]: P[N] extends "branch" | "branch?" | "part" | "part?" ? N : never }[keyof P];
/** A port that holds one of the branches that a step chooses from, or one of the parts that it gathers. */
export type Side = { [K in OpKind]: BranchOf<(typeof SPECS)[K]["ports"]> }[OpKind];

const SIDES = new Map<OpKind, readonly Side[]>(
  OP_KINDS.flatMap(op => {
    const sides = Object.entries(SPECS[op].ports).flatMap(([name, port]) =>
      port.startsWith("branch") ? [name as Side] : [],
    );
    return sides.length > 0 ? [[op, sides] as const] : [];
  }),
);

/** Whether a step takes its columns from one of several branches. */
export const hasBranches = (op: OpKind): boolean => SIDES.has(op);

/**
 * Ports of the branches that a step chooses from, in the order of their numbers. The first is taken where a flag holds, or where nothing
 * fails. Ports of all parts for a step that leaves some out.
 */
export function sidesOf(step: AnyStep): readonly Side[] | undefined {
  const sides = SIDES.get(step.op);
  if (sides) return sides.filter(side => Object.hasOwn(step.inputs, side));
  return timesOfParts(step) ? (portsOf(step) as Side[]) : undefined;
}

/** Names of the arms that a step assigns rows to, by the numbers of its sides. */
export const armsOf = (step: AnyStep): readonly string[] | undefined => factsOf(step.op).arms?.(step.params);

/** Milliseconds of each part that a run may leave out, by port. Undefined if the step needs all that it reads. */
export function timesOfParts(step: AnyStep): Readonly<Partial<Record<Side, number>>> | undefined {
  const times = factsOf(step.op).partTimes?.(step.params);
  return times && Object.keys(times).length > 0 ? times : undefined;
}

/** Names of the sources that a step gathers, by port; undefined for other steps. */
export function partsOf(step: AnyStep): ReadonlyMap<string, string> | undefined {
  const names = factsOf(step.op).partNames?.(step.params);
  return names && new Map(portsOf(step).map(port => [port, names[port] ?? port]));
}

/** A column decides for each row, at the port `input`. */
export const choosesByCondition = (op: OpKind): boolean => SIDES.get(op)?.includes("input") === false;
/** The first branch is taken unless it fails or is late. */
export const choosesByOutcome = (op: OpKind): boolean => SIDES.get(op)?.includes("input") === true;

/** Milliseconds that the first branch has, from the start of the run. */
export const timeOfFirst = (step: AnyStep): number | undefined => factsOf(step.op).within?.(step.params);

/** Port of the row number, where a kernel sees only some of the rows. */
export const ROW_PORT = "row";

/** The file of the vector database that a step searches. */
export const databaseOf = (step: AnyStep): string | undefined => factsOf(step.op).database?.(step.params);
