/**
 * `node >> operator(...)`: a step of the plan, and the operator's outputs for its input.
 */

import { type DrawSteps, drawOf } from "../../../contract/exact-draw.js";
import { isFittedOp } from "../../../contract/op-state.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { chooses, factsOf, mayChangeRows } from "../../../contract/step-facts.js";
import { opDefinition } from "../../../operators/authors.js";
import { CACHE_WAY, readCache } from "../../../operators/shared/author/cached.js";
import { LIST_PROPENSITY, PROPENSITY } from "../../../operators/shared/spec/propensity.js";
import type { Message } from "../../diagnostics/diagnostic.js";
import * as messages from "../../diagnostics/messages.js";
import { reportOptions, strayDependency, unusedGroup } from "./arguments.js";
import { callOf, type Operands } from "./call.js";
import { type Inference, type InferredStep, type NodeColumns, type NodeOf, report, ungrouped } from "./inference.js";
import { broughtBy, stepsById } from "./origin.js";

export function inferApply(inference: Inference, node: NodeOf<"apply">): NodeColumns | undefined {
  const { op, site } = node;
  const definition = opDefinition(op);
  const misplaced = misplacedOperator(inference, node);
  if (misplaced) return report(inference, misplaced, site);
  const params = definition.params.safeParse(node.params);
  if (!params.success) return reportOptions(inference, node, params.error, definition);
  const stray = strayDependency(node);
  if (stray) return report(inference, stray, site);
  const operands = operandsOf(inference, node);
  if (!operands) return undefined;
  const unused = unusedGroup(op, operands.input.grouping);
  if (unused) return report(inference, unused, site, "left");

  const id = takeStepId(inference, node);
  const before = errorsOf(inference);
  const inferred = definition.infer(callOf(inference, { op, id, site, params: params.data, operands }));
  if (!inferred || errorsOf(inference) > before) return undefined;
  const cache = node.cache === undefined ? undefined : readCache(op, node.cache, inferred);
  if (typeof cache === "string")
    return report(inference, messages.graphParameter({ operator: "cached", problem: cache, way: CACHE_WAY }), site);
  const names = new Set<string>();
  const doubled = inferred.outputs.find(({ name }) => names.size === names.add(name).size);
  if (doubled)
    return report(
      inference,
      messages.schemaOutputCollision({
        operator: op,
        column: doubled.name,
        way: "Rename one of the columns it is made from.",
      }),
      site,
    );
  if (inferred.madeRows) inference.rowParents.set(id, inferred.madeRows.parent);
  const step = { ...inferred, ...(cache && { cache }), id, op, site };
  inference.steps.push(step);
  checkTopk(inference, step);
  checkDraw(inference, step);
  return ungrouped(inferred.outputs.map(made => ({ column: made, ref: { step: id, column: made.name }, site })));
}

const errorsOf = ({ faults }: Inference): number => faults.filter(({ severity }) => severity !== "warning").length;

/** Why an operator is not allowed in a program of this kind, or on these rows. */
function misplacedOperator(
  { graph, nodes, rowParents }: Inference,
  { op: operator, input }: NodeOf<"apply">,
): Message | undefined {
  if (graph.kind === "workflow")
    return factsOf(operator).where === "ensemble" ? messages.workflowStageOperator({ operator }) : undefined;
  if (isFittedOp(operator)) return messages.graphLearnsInEnsemble({ operator });
  const scope = nodes[input]?.scope ?? [];
  const readsRequestRows = scope.some(bound => !rowParents.has(bound.column.rows));
  return mayChangeRows(operator) && readsRequestRows ? messages.graphFilterInEnsemble({ operator }) : undefined;
}

/** @returns undefined where an operand is behind a fault */
function operandsOf({ nodes }: Inference, node: NodeOf<"apply">): Operands | undefined {
  const input = nodes[node.input];
  const dependencies = Object.entries(node.dependencies).map(
    ([port, given]) => [port, "node" in given ? nodes[given.node]?.scope : undefined] as const,
  );
  if (!input || dependencies.some(([, scope]) => !scope)) return undefined;
  return { input, dependencies: Object.fromEntries(dependencies) };
}

/** `retrieval.queryFaiss`, made unique with `#2`. */
function takeStepId({ options, stepIds }: Inference, { op, site }: NodeOf<"apply">): string {
  const variable = options.variable(site);
  const base = variable ? `${variable}.${op}` : op;
  let id = base;
  for (let n = 2; stepIds.has(id) || id === REQUEST_ROWS; n++) id = `${base}#${n}`;
  stepIds.add(id);
  return id;
}

/**
 * Propensities that would not be those of the list that is shown.
 * Reports columns of propensities that a step makes or passes on to other rows, if they are not exact there. @param step the last one
 */
function checkDraw(inference: Inference, step: InferredStep): void {
  const column = step.outputs.find(({ properties }) => PROPENSITY in properties || LIST_PROPENSITY in properties);
  if (!column || !step.madeRows) return;
  const draw = drawOf(inference.steps.map(planned), step.id);
  if (draw.exact) return;
  const { because, way } = draw;
  report(inference, messages.graphPropensity({ operator: step.op, column: column.name, because, way }), step.site);
}

/** The step as it would be in a plan. */
function planned({ id, op, params, inputs, outputs }: InferredStep): DrawSteps[number] {
  const refs = Object.entries(inputs).flatMap(([port, columns]) =>
    columns ? [[port, columns.map(({ ref }) => ref)] as const] : [],
  );
  // The ports are those of the operator: `infer` made them.
  return { id, op, label: id, params, inputs: Object.fromEntries(refs), outputs } as unknown as DrawSteps[number];
}

/**
 * A stage that is to keep more candidates than the search before it finds, or whose floor leaves no room for scores.
 * Warns of both. @param step the one that was understood last
 */
function checkTopk(inference: Inference, step: InferredStep): void {
  const topk = chooses(step) ? topkOf(step) : undefined;
  const search = topk === undefined ? undefined : broughtBy(step, stepsById(inference));
  const found = search?.madeRows?.parent === REQUEST_ROWS ? topkOf(search) : undefined;
  if (topk === undefined || !search || found === undefined) return;
  checkFloor(inference, step, { search, found });
  if (found >= topk) return;
  const message = messages.graphTopkShort({ operator: step.op, topk, search: search.op, found });
  const related = [{ note: `\`${search.op}\` finds ${found}`, site: search.site }];
  report(inference, message, step.site, "right", related, "warning");
}

interface Found {
  readonly search: InferredStep;
  readonly found: number;
}

/** The first position has all of the candidates, if no stage in between leaves any out. */
function checkFloor(inference: Inference, step: InferredStep, { search, found }: Found): void {
  const least = floorOf(step);
  if (least === undefined || found < 2 || least * found < 1) return;
  const way = Number((1 / (100 * found)).toPrecision(1));
  const message = messages.graphFloorUniform({ operator: step.op, least, search: search.op, found, way });
  const related = [{ note: `\`${search.op}\` finds ${found}`, site: search.site }];
  report(inference, message, step.site, "right", related, "warning");
}

const floorOf = ({ params }: InferredStep): number | undefined =>
  "minPropensity" in params && typeof params.minPropensity === "number" ? params.minPropensity : undefined;

const topkOf = ({ params }: InferredStep): number | undefined =>
  "topk" in params && typeof params.topk === "number" ? params.topk : undefined;
