/**
 * A plan → whether the probability of a response's list is known, and how to compute it. The exposure log uses this when a model loads. The
 * compiler uses it when a program has columns of propensities.
 *
 * A probability is known if the list is one draw from candidates that chance did not choose, or if no step draws. It is conditional on the
 * candidates of the request. A source that is left out, or a branch that fails, changes the candidates of the draw. The probability is then
 * exact too, given the candidates that the request had.
 */
import type { DrawRule } from "../operators/shared/spec/facts.js";
import { LIST_PROPENSITY, PROPENSITY } from "../operators/shared/spec/propensity.js";
import { columnsAt, columnsReadBy } from "./any-step.js";
import type { AnyStep, ColumnRef, Plan } from "./plan.js";
import { type ColumnSchema, REQUEST_ROWS } from "./schema.js";
import { choosesByCondition, draws, factsOf, orderingOf, sidesOf } from "./step-facts.js";

/**
 * With the rule of a draw, `drawPropensities` (operators/shared/kernel/draw-propensities.ts) computes the probabilities from the scores at the
 * step's port `relevance`. Without a temperature or a uniform draw the list has no chance, and each probability is 1.
 */
export interface ExactDraw extends DrawRule {
  readonly exact: true;
  /** Id of the step whose rows are the list. */
  readonly step: string;
  /** Columns of the step with the probabilities, where it has them: they are read, and nothing is computed. */
  readonly columns?: { readonly propensity: string; readonly list?: string };
}

export interface InexactDraw {
  readonly exact: false;
  /** A sentence without its full stop that names the steps. */
  readonly because: string;
  /** A sentence: how a program avoids it. */
  readonly way: string;
}

export type Draw = ExactDraw | InexactDraw;

/** The parts of a plan that are read. Inference has no plan yet. */
export type DrawSteps = readonly Pick<AnyStep, "id" | "op" | "label" | "params" | "inputs" | "outputs">[];

/** @param rows the list: the id of the step that made the rows; by default the only rows of candidates that the plan's outputs have */
export function exactDraw(plan: Pick<Plan, "steps" | "outputs">, rows: string | undefined = undefined): Draw {
  const lists = rows === undefined ? listsOf(plan) : [rows];
  const [list, other] = lists;
  if (list === undefined)
    return inexact("the response has no list of candidates", "Return the candidates as an ordering makes them.");
  if (other !== undefined)
    return inexact(
      `the response has the lists of ${lists.map(id => nameOf(plan.steps, id)).join(" and of ")}`,
      "Return one list.",
    );
  return drawOf(plan.steps, list);
}

const listsOf = ({ outputs }: Pick<Plan, "outputs">): readonly string[] => [
  ...new Set(outputs.map(({ schema }) => schema.rows).filter(rows => rows !== REQUEST_ROWS)),
];

/** @param rows id of the step that made the rows of the list */
export function drawOf(steps: DrawSteps, rows: string): Draw {
  const step = steps.find(({ id }) => id === rows) as AnyStep | undefined;
  if (!step) return inexact(`another model makes the candidates \`${rows}\``, "Make the list in the same model.");
  const above = drawsBehind(steps, columnsReadBy(step));
  const ordering = orderingOf(step);
  if (ordering) {
    const first = above[0];
    if (first)
      return inexact(
        `${quoted(step)} orders candidates that depend on the draw of ${quoted(first)}`,
        "Draw once, as the last step: choose the candidates before it by `topK`.",
      );
    const columns = ownColumns(step);
    if (ordering === "by drawn scores" && !columns)
      return inexact(
        `${quoted(step)} orders by drawn scores, and their probability is computed for one position only`,
        "Write `topk: 1` and `propensity: true`, or draw with `epsilonGreedy` or `softmaxSampling`.",
      );
    return {
      exact: true,
      step: step.id,
      ...(columns && { columns }),
      ...(typeof ordering === "object" && ordering),
    };
  }
  if (above.length === 0) return { exact: true, step: step.id };
  if (sidesOf(step) && !factsOf(step.op).gathers) return branchesOf(steps, step);
  return inexact(
    `${quoted(step)} changes the list that ${quoted(above.at(-1)!)} draws`,
    `Put ${quoted(step)} before the draw, so that it decides which candidates are drawn from.`,
  );
}

/** A row has the list of one branch. Its columns have that branch's probabilities, if each branch makes them. */
function branchesOf(steps: DrawSteps, step: AnyStep): Draw {
  const condition = choosesByCondition(step.op) ? (columnsAt(step, "input") ?? []) : [];
  const [decides] = drawsBehind(steps, condition);
  if (decides)
    return inexact(
      `the draw of ${quoted(decides)} decides which branch ${quoted(step)} takes`,
      "Decide by a column that does not depend on a draw.",
    );
  const sides = sidesOf(step)!.map(port => columnsAt(step, port) ?? []);
  for (const [first] of sides) {
    const rows = first && columnIn(steps, first)?.rows;
    const side = rows === undefined ? undefined : drawOf(steps, rows);
    if (side && !side.exact) return side;
  }
  const columns = ownColumns(step, at =>
    sides.every(side => hasProperty(columnIn(steps, side[at.place]), at.property)),
  );
  if (columns) return { exact: true, step: step.id, columns };
  return inexact(
    `${quoted(step)} takes the list of one of several branches`,
    "Write `propensity: true` in the ordering of each branch, and pass the columns on.",
  );
}

/** The two columns, by the properties that an ordering gives them. @param isValid whether a column of the step is one, indeed */
function ownColumns(
  { outputs }: Pick<AnyStep, "outputs">,
  isValid: (at: { readonly place: number; readonly property: string }) => boolean = () => true,
): ExactDraw["columns"] {
  const named = (property: string) =>
    outputs.find((made, place) => hasProperty(made, property) && isValid({ place, property }))?.name;
  const [propensity, list] = [named(PROPENSITY), named(LIST_PROPENSITY)];
  return propensity === undefined ? undefined : { propensity, ...(list !== undefined && { list }) };
}

const hasProperty = (column: ColumnSchema | undefined, property: string): boolean =>
  typeof column?.properties[property] === "string";

const columnIn = (steps: DrawSteps, ref: ColumnRef | undefined): ColumnSchema | undefined =>
  ref && steps.find(({ id }) => id === ref.step)?.outputs.find(({ name }) => name === ref.column);

/** Steps that draw among those that make the columns, or that these depend on, in the order of the plan. */
function drawsBehind(steps: DrawSteps, columns: readonly ColumnRef[]): readonly AnyStep[] {
  const wanted = new Set(columns.map(ref => ref.step));
  const found: AnyStep[] = [];
  // Each step follows the steps it reads.
  for (const step of (steps as readonly AnyStep[]).toReversed()) {
    if (!wanted.has(step.id)) continue;
    if (draws(step)) found.unshift(step);
    for (const ref of columnsReadBy(step)) wanted.add(ref.step);
  }
  return found;
}

const inexact = (because: string, way: string): InexactDraw => ({ exact: false, because, way });

const quoted = ({ label }: Pick<AnyStep, "label">): string => `\`${label}\``;

const nameOf = (steps: DrawSteps, rows: string): string =>
  quoted(steps.find(({ id }) => id === rows) ?? { label: rows });
