/** Columns and files of a step, for code that reads only the specs of operators. */
import { portFault } from "../operators/shared/spec/ports.js";
import type { PathInside } from "./files/path-inside.js";
import type { OpKind } from "./op-params.js";
import { isFittedOp, type PortColumns, specOf } from "./op-state.js";
import { type AnyStep, type ColumnRef, type FittedPlan, type FittedStep, type Plan, PlanError } from "./plan.js";

export type ByName<C> = Readonly<Record<string, readonly C[]>>;

/** @returns undefined for a port that the step does not have */
export const columnsAt = (step: AnyStep, port: string): readonly ColumnRef[] | undefined =>
  (step.inputs as ByName<ColumnRef>)[port];

/** Names of the ports that a step has, in the order of its operator's spec. */
export const portsOf = (step: AnyStep): readonly string[] =>
  Object.keys(specOf(step.op).ports).filter(port => columnsAt(step, port) !== undefined);

/** All columns that a step reads, port by port. */
export const columnsReadBy = (step: AnyStep): readonly ColumnRef[] => Object.values(step.inputs).flat();

/** Maps each column that a step reads, by port. */
export const mapPorts = <K extends OpKind, C>(
  { inputs }: { readonly inputs: PortColumns<ColumnRef>[K] },
  map: (ref: ColumnRef) => C,
): PortColumns<C>[K] =>
  // Each port keeps its name and the number of its columns.
  Object.fromEntries(
    Object.entries(inputs as ByName<ColumnRef>).map(([port, columns]) => [port, columns.map(map)]),
  ) as unknown as PortColumns<C>[K];

/** The step with other references in the same places. */
export const withReferences = <S extends AnyStep>(step: S, map: (ref: ColumnRef) => ColumnRef): S => ({
  ...step,
  inputs: mapPorts(step, map),
});

/**
 * The step with other columns.
 * @throws PlanError where these are not what its operator reads
 */
export function withColumns(
  step: AnyStep,
  inputs: ByName<ColumnRef>,
  outputs: AnyStep["outputs"] = step.outputs,
): AnyStep {
  const wrong = portFault(specOf(step.op).ports, inputs);
  if (wrong !== undefined) throw new PlanError(`step \`${step.id}\` (${step.op}): ${wrong}`);
  return { ...step, inputs, outputs } as unknown as AnyStep;
}

/** Files that a step opens at load, by name. */
export const artefactsOf = (step: Pick<AnyStep, "artefacts">): Readonly<Record<string, PathInside>> =>
  (step.artefacts ?? {}) as Readonly<Record<string, PathInside>>;

/** The result of `merlon fit` for a step; undefined if it learns nothing, or is not fitted. */
export const stateOf = (step: AnyStep): unknown => ("state" in step ? step.state : undefined);

/** @throws PlanError for a step that learns and has no state, or whose parts have none */
export function fittedStep(step: AnyStep): FittedStep {
  if (isFittedOp(step.op) && stateOf(step) === undefined)
    throw new PlanError(`step \`${step.id}\` (${step.op}) is not fitted. Run \`merlon fit\` first.`);
  step.parts?.forEach(fittedStep);
  return step as FittedStep;
}

/** @throws PlanError naming a step that is not fitted */
export const fittedPlan = (plan: Plan): FittedPlan => ({ ...plan, steps: plan.steps.map(fittedStep) });
