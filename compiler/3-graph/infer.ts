/**
 * Graph → columns of every node, step by step: the authority on schemas. Collects every fault; a node behind a fault is unknown, and nothing
 * that reads it is reported again.
 */
import type { ColumnSchema } from "../../contract/schema.js";
import type { Scope } from "../../operators/shared/author/bound.js";
import type { GraphDocument, GraphNode } from "./document.js";
import { reportCodes } from "./infer/answered-codes.js";
import { inferApply } from "./infer/apply.js";
import {
  type GraphFault,
  type Inference,
  type InferOptions,
  type InferredStep,
  type NodeColumns,
  newInference,
} from "./infer/inference.js";
import { type InferredLog, inferLog } from "./infer/log.js";
import { inferPlus } from "./infer/plus.js";
import { inferMinus, inferPick } from "./infer/selection.js";
import { inferSchema, inferSource } from "./infer/source.js";
import { inferSubgraph } from "./infer/subgraph.js";

export type { GraphFault, InferOptions, InferredStep };

export interface InferredGraph {
  readonly steps: readonly InferredStep[];
  /** Columns of the output node; undefined behind a fault. */
  readonly output: Scope | undefined;
  /** Columns of each node, by index. */
  readonly scopes: readonly (Scope | undefined)[];
  /** Columns of each named subgraph. */
  readonly subgraphs: ReadonlyMap<string, Scope>;
  /** All source columns, in order. */
  readonly inputs: readonly ColumnSchema[];
  /** Columns of the exposure log, if the program has one without faults. */
  readonly log: InferredLog | undefined;
  readonly faults: readonly GraphFault[];
}

export function infer(graph: GraphDocument, options: InferOptions): InferredGraph {
  const inference = newInference(graph, options);
  for (const node of graph.nodes) inference.nodes.push(inferNode(inference, node));
  const { steps, subgraphs, inputs, faults } = inference;
  const scopes = inference.nodes.map(columns => columns?.scope);
  const output = scopes[graph.output];
  if (graph.kind === "ensemble") for (const bound of output ?? []) reportCodes(inference, bound);
  const log = graph.log && output && inferLog(inference, graph.log, output);
  return { steps, output, scopes, subgraphs, inputs, log, faults };
}

/** @returns undefined behind a fault */
function inferNode(inference: Inference, node: GraphNode): NodeColumns | undefined {
  switch (node.kind) {
    case "source":
      return inferSource(inference, node);
    case "schema":
      return inferSchema(inference, node);
    case "subgraph":
      return inferSubgraph(inference, node);
    case "pick":
      return inferPick(inference, node);
    case "plus":
      return inferPlus(inference, node);
    case "minus":
      return inferMinus(inference, node);
    case "apply":
      return inferApply(inference, node);
    case "unknown":
      return undefined;
    default:
      return node satisfies never;
  }
}
