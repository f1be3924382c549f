/**
 * The state of inference: columns of the nodes so far, their steps, and faults.
 */

import { createHash } from "node:crypto";
import type { OpKind } from "../../../contract/op-params.js";
import type { Plan, StepCache } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { artefactName } from "../../../operators/shared/author/artefact-name.js";
import type { Scope } from "../../../operators/shared/author/bound.js";
import type { Blame, Inferred } from "../../../operators/shared/author/define-op.js";
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

/** Paths are as the author wrote them, `from` is where they lead. */
interface UniqueNames {
  /** Model of an ONNX file, or of the bytes that were made of a file: `model`, `b_model` where that is taken, `model_2` at last. */
  model(path: string, from: string, bytes?: Uint8Array): string;
  /** File or folder beside the plan. */
  artefact(path: string, from: string): string;
}

/** For one program: the same file always has the same name, another one another. */
function uniqueNames(): UniqueNames {
  const models = new Map<string, string>();
  const artefacts = new Map<string, string>();
  return {
    model(path, from, bytes) {
      const parts = path
        .replace(/\.[A-Za-z]+$/, "")
        .split(/[\\/]+/)
        .filter(part => part !== "" && part !== "." && part !== "..")
        .map(part => part.replace(/[^\w-]/g, "_"));
      const owner = bytes ? `${from} ${createHash("sha256").update(bytes).digest("hex")}` : from;
      return settle(models, owner, [parts.at(-1)!, parts.slice(-2).join("_")], (name, n) => `${name}_${n}`);
    },
    artefact: (path, from) => settle(artefacts, from, [artefactName(path)], (name, n) => `${n}-${name}`),
  };
}

/** The first name that is free or the owner's, which it is from then on. */
function settle(
  owners: Map<string, string>,
  owner: string,
  names: readonly string[],
  numbered: (name: string, n: number) => string,
): string {
  const isFree = (name: string): boolean => (owners.get(name) ?? owner) === owner;
  let name = names.find(isFree);
  for (let n = 2; name === undefined; n++) {
    const next = numbered(names[0]!, n);
    if (isFree(next)) name = next;
  }
  owners.set(name, owner);
  return name;
}
