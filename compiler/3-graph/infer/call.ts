/**
 * The context of an operator's rule: the program around it.
 */
import type { OpKind } from "../../../contract/op-params.js";
import { printType } from "../../../contract/schema.js";
import type { Scope } from "../../../operators/shared/author/bound.js";
import type { Call, Fail } from "../../../operators/shared/author/define-op.js";
import type { Severity } from "../../diagnostics/diagnostic.js";
import * as messages from "../../diagnostics/messages.js";
import { userFunction } from "../../lambda/compile-lambda.js";
import { groupScopes } from "../groups.js";
import { type Inference, type NodeColumns, report } from "./inference.js";
import { idsFrom, stepsById, workflowOf } from "./origin.js";

export interface Operands {
  readonly input: NodeColumns;
  /** By port. */
  readonly dependencies: Readonly<Record<string, Scope | undefined>>;
}

export interface CallParts {
  readonly op: OpKind;
  /** Id of the step to be. */
  readonly id: string;
  readonly site: number | undefined;
  /** As the author wrote them, parsed. */
  readonly params: unknown;
  readonly operands: Operands;
}

export function callOf(inference: Inference, { op, id, site, params, operands }: CallParts): Call<unknown> {
  const { graph, options, names, rowParents } = inference;
  const { input, dependencies } = operands;
  const reporter =
    (severity: Severity): Fail =>
    (message, blame = "right", related = []) =>
      report(
        inference,
        message,
        site,
        blame,
        related.map(({ note, of }) => ({ note, site: of.site })),
        severity,
      );
  const fail = reporter("error");
  return {
    params,
    id,
    program: graph.name,
    input: input.scope,
    groups: groupScopes(input.grouping, input.scope),
    dependency: port => dependencies[port] ?? [],
    artefacts: options.artefacts,
    model: (path, from, bytes) => ({
      name: `${graph.name}_${names.model(path, from, bytes)}`,
      from,
      ...(bytes && { bytes }),
    }),
    artefactName: names.artefact,
    served: plan => options.served?.(id, plan) ?? plan,
    readFunction: ({ index, captured }, operator) =>
      userFunction(index === undefined ? undefined : options.lambdas?.[index], captured, operator, fail),
    state: options.states?.get(id),
    parentRows: rows => rowParents.get(rows),
    candidatesIn: column => idsFrom(column, stepsById(inference))?.candidates,
    workflowOf: column => workflowOf(column, stepsById(inference)),
    fail,
    refuse: (problem, way, blame) => fail(messages.graphParameter({ operator: op, problem, way }), blame),
    refuseType: (column, wanted, way, blame) =>
      fail(
        messages.schemaDtypeUnsupported({ operator: op, wanted, column: column.name, seen: printType(column), way }),
        blame,
      ),
    warn: reporter("warning"),
  };
}
