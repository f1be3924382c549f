/**
 * Inferred graph → plan: steps with references. Selections, sums and differences are removed, since they only select columns.
 */
import { defined } from "../../contract/defined.js";
import { ID_SPACES } from "../../contract/id-space.js";
import type { AnyStep, Plan } from "../../contract/plan.js";
import type { PlanLog } from "../../contract/plan-log.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { DISTANCE, TOWER } from "../../contract/similarity.js";
import type { Bound, Scope } from "../../operators/shared/author/bound.js";
import type { GraphDocument } from "../3-graph/document.js";
import type { InferredLog } from "../3-graph/infer/log.js";
import type { InferredGraph, InferredStep } from "../3-graph/infer.js";

/** @param graph free of faults: `output` is known */
export function lower(
  graph: GraphDocument,
  inferred: InferredGraph,
  states: ReadonlyMap<string, unknown> = new Map(),
): Plan {
  const output = inferred.output ?? [];
  return {
    format: "merlon/plan",
    version: 1,
    kind: graph.kind,
    name: graph.name,
    inputs: inferred.inputs,
    steps: inferred.steps.map(step => lowerStep(step, states.get(step.id))),
    outputs: answers(output),
    ...(graph.kind === "workflow" &&
      inferred.subgraphs.size > 0 && {
        subgraphs: Object.fromEntries([...inferred.subgraphs].map(([name, scope]) => [name, answers(scope)])),
      }),
    ...(inferred.log && { log: lowerLog(inferred.log) }),
  };
}

const lowerLog = ({ item, columns, ids, ...rest }: InferredLog): PlanLog => ({
  item: answers([item])[0]!,
  columns: answers(columns),
  ids: answers(ids),
  ...rest,
});

const reference = ({ column, ref }: Bound) => ({ name: column.name, step: ref.step, column: ref.column });
const answers = (scope: Scope) => scope.map(bound => ({ ref: reference(bound), schema: planned(bound.column) }));
const references = (scope: Scope) => scope.map(reference);

/** Properties that only inference reads. A plan has none of them. */
const INFERRED: ReadonlySet<string> = new Set([ID_SPACES, DISTANCE, TOWER]);

const planned = (column: ColumnSchema): ColumnSchema => ({
  ...column,
  properties: Object.fromEntries(Object.entries(column.properties).filter(([name]) => !INFERRED.has(name))),
});

const lowerStep = (step: InferredStep, state: unknown): AnyStep =>
  ({
    id: step.id,
    op: step.op,
    label: step.id,
    params: step.params,
    ...defined({ state, artefacts: step.artefacts, cache: step.cache }),
    inputs: Object.fromEntries(Object.entries(step.inputs).map(([port, scope]) => [port, references(scope)])),
    outputs: step.outputs.map(planned),
  }) as unknown as AnyStep;
