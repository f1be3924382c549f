/**
 * The state of inference: columns of the nodes so far, their steps, and faults.
 */
import type { OpKind } from "../../../contract/op-params.js";
import type { Plan, StepCache } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { Scope } from "../../../operators/shared/author/bound.js";
import type { Blame, Inferred } from "../../../operators/shared/author/define-op.js";
import { type UniqueNames, uniqueNames } from "../../../operators/shared/author/unique-names.js";
import type { Message, Severity } from "../../diagnostics/diagnostic.js";
import type { LambdaText } from "../../lambda/read-lambda.js";
import type { ArtefactReader } from "../artefacts.js";
import type { GraphDocument, GraphNode } from "../document.js";
import { alone, type Grouping } from "../groups.js";

/** A fault at an operand of a site. */
export interface GraphFault {
  readonly message: Message;
  readonly site: number | undefined;
  readonly blame: Blame | "whole";
  /** A warning: it compiles, but is hardly what was meant. */
  readonly severity: Severity;
  readonly related: readonly { readonly note: string; readonly site: number | undefined }[];
}

/** An operator that was understood. */
export interface InferredStep extends Inferred<OpKind> {
  readonly id: string;
  readonly cache?: StepCache;
  readonly op: OpKind;
  readonly site: number | undefined;
}

export interface InferOptions {
  readonly artefacts: ArtefactReader;
  /** Functions that the program hands to operators. */
  readonly lambdas?: readonly LambdaText[];
  /** Variable that a site's value is assigned to. */
  readonly variable: (site: number | undefined) => string | undefined;
  /** The state of a fit, by step id. */
  readonly states?: ReadonlyMap<string, unknown>;
  /** The plan of the fitted workflow that a step applies → the plan that is served. */
  readonly served?: (step: string, plan: Plan) => Plan;
}

/** The columns of a node, and their groups. */
export interface NodeColumns {
  readonly scope: Scope;
  readonly grouping: Grouping;
}

/** Grows node by node. */
export interface Inference {
  readonly graph: GraphDocument;
  readonly options: InferOptions;
  /** Columns of each node so far, by index; undefined after a fault. */
  readonly nodes: (NodeColumns | undefined)[];
  readonly steps: InferredStep[];
  readonly stepIds: Set<string>;
  /** All source columns, in order. */
  readonly inputs: ColumnSchema[];
  /** Rows that a step made → the rows they are grouped by. */
  readonly rowParents: Map<string, string>;
  /** Columns of each named subgraph. */
  readonly subgraphs: Map<string, Scope>;
  readonly names: UniqueNames;
  readonly faults: GraphFault[];
}

export const newInference = (graph: GraphDocument, options: InferOptions): Inference => ({
  graph,
  options,
  nodes: [],
  steps: [],
  stepIds: new Set(),
  inputs: [],
  rowParents: new Map(),
  subgraphs: new Map(),
  names: uniqueNames(),
  faults: [],
});

/** A node of one kind. */
export type NodeOf<K extends GraphNode["kind"]> = Extract<GraphNode, { kind: K }>;

/** Reports a fault; returns undefined so that a node's rule can end with it. */
export function report(
  { faults }: Inference,
  message: Message,
  site: number | undefined,
  blame: GraphFault["blame"] = "right",
  related: GraphFault["related"] = [],
  severity: Severity = "error",
): undefined {
  faults.push({ message, site, blame, related, severity });
}

/** Columns each on its own. */
export const ungrouped = (scope: Scope): NodeColumns => ({ scope, grouping: alone(scope) });
