/**
 * Graph → columns of every node, step by step: the authority on schemas. Collects every fault; a node behind a fault is unknown, and nothing
 * that reads it is reported again.
 */

import type { OpKind } from "../../contract/op-params.js";
import { isFittedOp } from "../../contract/op-state.js";
import { type Plan, REQUEST_STEP, type StepCache } from "../../contract/plan.js";
import { type ColumnSchema, printColumn, REQUEST_ROWS } from "../../contract/schema.js";
import { factsOf, mayChangeRows } from "../../contract/step-facts.js";
import { opDefinition } from "../../operators/authors.js";
import type { Bound, Scope } from "../../operators/shared/author/bound.js";
import { CACHE_WAY, readCache } from "../../operators/shared/author/cached.js";
import type { Blame, Fail, Inferred } from "../../operators/shared/author/define-op.js";
import { uniqueNames } from "../../operators/shared/author/unique-names.js";
import { didYouMean, listNames, type Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import { userFunction } from "../lambda/compile-lambda.js";
import type { LambdaText } from "../lambda/read-lambda.js";
import type { ArtefactReader } from "./artefacts.js";
import type { GraphDocument, GraphNode } from "./document.js";
import { alone, type Grouping, groupScopes, joinGroupings, keepInGroups } from "./groups.js";
import { optionFault } from "./option-fault.js";
import { select } from "./select.js";
import { sourceColumns } from "./source-columns.js";

/** A fault at an operand of a site. */
export interface GraphFault {
  readonly message: Message;
  readonly site: number | undefined;
  readonly blame: Blame | "whole";
  readonly related: readonly { readonly note: string; readonly site: number | undefined }[];
}

/** An operator that was understood. */
export interface InferredStep extends Inferred<OpKind> {
  readonly id: string;
  readonly cache?: StepCache;
  readonly op: OpKind;
  readonly site: number | undefined;
}

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
  readonly faults: readonly GraphFault[];
}

export interface InferOptions {
  readonly artefacts: ArtefactReader;
  /** Functions that the program hands to operators. */
  readonly lambdas?: readonly LambdaText[];
  /** Variable that a site's value is assigned to. */
  readonly variable: (site: number | undefined) => string | undefined;
  /** What a fit learnt, by step id. */
  readonly states?: ReadonlyMap<string, unknown>;
  /** The plan of the fitted workflow that a step applies → the plan that is served. */
  readonly served?: (step: string, plan: Plan) => Plan;
}

export function infer(graph: GraphDocument, options: InferOptions): InferredGraph {
  const faults: GraphFault[] = [];
  const steps: InferredStep[] = [];
  const inputs: ColumnSchema[] = [];
  const rowParents = new Map<string, string>();
  const scopes: (Scope | undefined)[] = [];
  /** How the columns of a node stand together, where it says so. */
  const groupings: (Grouping | undefined)[] = [];
  const ids = new Set<string>();
  const subgraphs = new Map<string, Scope>();
  const unique = uniqueNames();

  const fault = (
    message: Message,
    site: number | undefined,
    blame: GraphFault["blame"] = "right",
    related: GraphFault["related"] = [],
  ): undefined => {
    faults.push({ message, site, blame, related });
    return undefined;
  };

  const declare = (node: GraphNode, columns: readonly ColumnSchema[]): Scope =>
    columns.map(made => {
      const { name } = made;
      const known = inputs.find(c => c.name === name);
      if (!known) inputs.push(made);
      else if (printColumn(known) !== printColumn(made))
        fault(
          messages.schemaDtypeMismatch({
            reader: "Another `source`",
            column: name,
            wanted: printColumn(known),
            seen: printColumn(made),
            way: "Declare a column once.",
          }),
          node.site,
          "whole",
        );
      return { column: made, ref: { step: REQUEST_STEP, column: name } };
    });

  const pick = (node: Extract<GraphNode, { kind: "pick" }>): Scope | undefined => {
    const scope = scopes[node.input];
    if (!scope) return undefined;
    const names = scope.map(b => b.column.name);
    const { columns, grouping, missing, untagged } = select(scope, node.names);
    reportUntagged(scope, untagged, node.site);
    for (const name of missing)
      fault(
        messages.schemaColumnMissing({
          reader: "`[]`",
          column: name,
          columns: listNames(names),
          suggestion: didYouMean(name, names),
          way: "Pick a column the node has, or make it before.",
        }),
        node.site,
        { literal: name },
      );
    if (missing.length || untagged.length) return undefined;
    if (columns.length === 0 && node.names.length === 0)
      return fault(messages.graphEmptySelection({ list: "[]" }), node.site);
    groupings[scopes.length] = grouping;
    return columns;
  };

  const plus = (node: Extract<GraphNode, { kind: "plus" }>): Scope | undefined => {
    const [left, right] = [scopes[node.left], scopes[node.right]];
    if (!left || !right) return undefined;
    const same = (a: Bound, b: Bound) => a.ref.step === b.ref.step && a.ref.column === b.ref.column;
    const clashes = right.filter(b => left.some(a => a.column.name === b.column.name && !same(a, b)));
    if (clashes.length && node.wins !== "right") {
      for (const b of clashes) {
        const a = left.find(l => l.column.name === b.column.name)!;
        fault(
          messages.schemaNameCollision({ column: b.column.name, left: origin(a), right: origin(b) }),
          node.site,
          "right",
          [
            { note: `the left \`${a.column.name}\` comes from here`, site: a.site },
            { note: `the right \`${b.column.name}\` comes from here`, site: b.site },
          ],
        );
      }
      return undefined;
    }
    const names = new Set(right.map(b => b.column.name));
    groupings[scopes.length] = joinGroupings(groupingOf(node.left, left), groupingOf(node.right, right));
    // The right entry stands where the right operand puts it, as in Merlin.
    return [...left.filter(a => !names.has(a.column.name)), ...right];
  };

  const minus = (node: Extract<GraphNode, { kind: "minus" }>): Scope | undefined => {
    const left = scopes[node.left];
    if (!left) return undefined;
    const keep = (kept: Scope): Scope => {
      groupings[scopes.length] = keepInGroups(groupingOf(node.left, left), kept);
      return kept;
    };
    if (typeof node.right === "number") {
      const right = scopes[node.right]?.map(b => b.column.name);
      return right && keep(left.filter(b => !right.includes(b.column.name)));
    }
    const names = left.map(b => b.column.name);
    const { columns, missing, untagged } = select(left, node.right);
    reportUntagged(left, untagged, node.site);
    for (const name of missing)
      fault(
        messages.schemaColumnMissing({
          reader: "`-`",
          column: name,
          columns: listNames(names),
          suggestion: didYouMean(name, names),
          way: "Take away a column the node has.",
        }),
        node.site,
        { literal: name },
      );
    return missing.length || untagged.length ? undefined : keep(left.filter(b => !columns.includes(b)));
  };

  const groupingOf = (node: number, scope: Scope): Grouping => groupings[node] ?? alone(scope);

  const reportUntagged = (scope: Scope, untagged: readonly (readonly string[])[], site: number | undefined) => {
    const known = [...new Set(scope.flatMap(b => b.column.tags))];
    for (const tags of untagged)
      fault(
        messages.schemaTagMissing({
          tags: tags.map(tag => `\`${tag}\``).join(" or ") || "anything",
          known: known.length ? `tags ${listNames(known)}` : "no tags at all",
          suggestion: tags.map(tag => didYouMean(tag, known)).join(""),
          example: tags[0] ?? "user",
        }),
        site,
      );
  };

  const subgraph = (node: Extract<GraphNode, { kind: "subgraph" }>): Scope | undefined => {
    const scope = scopes[node.input];
    if (subgraphs.has(node.name))
      return fault(
        messages.graphParameter({
          operator: "subgraph",
          problem: `two subgraphs are called ${JSON.stringify(node.name)}.`,
          way: "Give each a name of its own: the name is what `transformWorkflow` asks for.",
        }),
        node.site,
        "left",
      );
    if (scope) subgraphs.set(node.name, scope);
    groupings[scopes.length] = groupings[node.input];
    return scope;
  };

  const apply = (node: Extract<GraphNode, { kind: "apply" }>): Scope | undefined => {
    const definition = opDefinition(node.op);
    if (graph.kind === "workflow" && factsOf(node.op).where === "ensemble")
      return fault(messages.workflowStageOperator({ operator: node.op }), node.site);
    const asked = (scopes[node.input] ?? []).some(bound => !rowParents.has(bound.column.rows));
    if (graph.kind === "ensemble" && isFittedOp(node.op))
      return fault(messages.graphLearnsInEnsemble({ operator: node.op }), node.site);
    if (graph.kind === "ensemble" && mayChangeRows(node.op) && asked)
      return fault(messages.graphFilterInEnsemble({ operator: node.op }), node.site);
    const params = definition.params.safeParse(node.params);
    if (!params.success) {
      const strange = params.error.issues.filter(issue => issue.code === "unrecognized_keys");
      for (const issue of strange.length > 0 ? strange : params.error.issues) {
        const { message, blame } = optionFault(node.op, issue, node.params, definition.params);
        fault(message, node.site, blame);
      }
      return undefined;
    }
    const stray = Object.entries(node.dependencies).find(([, dependency]) => "seen" in dependency);
    if (stray && "seen" in stray[1])
      return fault(
        messages.graphParameter({
          operator: node.op,
          // The port that an author names `deny`, or not at all.
          problem: `${stray[0] === "filterOut" ? "what to drop" : `\`${stray[0]}\``} is ${stray[1].seen}, not a node.`,
          way: 'Give it a node, as in `user["purchased_ids"]`, or `user["purchased_ids"] + request["hidden_ids"]` for several columns.',
        }),
        node.site,
      );
    const input = scopes[node.input];
    const dependencies = Object.fromEntries(
      Object.entries(node.dependencies).map(([port, d]) => [port, "node" in d ? scopes[d.node] : undefined]),
    );
    if (!input || Object.values(dependencies).some(scope => !scope)) return undefined;
    const grouping = groupingOf(node.input, input);
    const group = grouping.find(entry => entry.length > 1);
    if (group && !factsOf(node.op).grouped)
      return fault(
        messages.graphGroupUnused({
          operator: node.op,
          group: JSON.stringify(group),
          list: group.map(name => JSON.stringify(name)).join(", "),
        }),
        node.site,
        "left",
      );
    const id = stepId(node.op, options.variable(node.site), ids);
    const before = faults.length;
    const fail: Fail = (message, blame = "right", related = []) =>
      fault(
        message,
        node.site,
        blame,
        related.map(({ note, of }) => ({ note, site: of.site })),
      );
    const inferred = definition.infer({
      params: params.data,
      id,
      program: graph.name,
      input,
      groups: groupScopes(grouping, input),
      dependency: port => dependencies[port] ?? [],
      artefacts: options.artefacts,
      model: (path, from, bytes) => ({
        name: `${graph.name}_${unique.model(path, from, bytes)}`,
        from,
        ...(bytes && { bytes }),
      }),
      artefactName: unique.artefact,
      served: plan => options.served?.(id, plan) ?? plan,
      readFunction: ({ index, captured }, operator) =>
        userFunction(index === undefined ? undefined : options.lambdas?.[index], captured, operator, fail),
      state: options.states?.get(id),
      parentRows: rows => rowParents.get(rows),
      fail,
    });
    if (!inferred || faults.length > before) return undefined;
    const cache = node.cache === undefined ? undefined : readCache(node.op, node.cache, inferred);
    if (typeof cache === "string")
      return fault(messages.graphParameter({ operator: "cached", problem: cache, way: CACHE_WAY }), node.site);
    const names = new Set<string>();
    const doubled = inferred.outputs.find(({ name }) => names.size === names.add(name).size);
    if (doubled)
      return fault(
        messages.schemaOutputCollision({
          operator: node.op,
          column: doubled.name,
          way: "Rename one of the columns it is made from.",
        }),
        node.site,
      );
    if (inferred.madeRows) rowParents.set(id, inferred.madeRows.parent);
    steps.push({ ...inferred, ...(cache && { cache }), id, op: node.op, site: node.site });
    return inferred.outputs.map(made => ({ column: made, ref: { step: id, column: made.name }, site: node.site }));
  };

  for (const node of graph.nodes) scopes.push(scopeOf(node));
  return { steps, output: scopes[graph.output], scopes, subgraphs, inputs, faults };

  function scopeOf(node: GraphNode): Scope | undefined {
    switch (node.kind) {
      case "source": {
        const before = faults.length;
        const columns = sourceColumns(node.columns, (message, blame) => fault(message, node.site, blame));
        return faults.length > before || node.columns === undefined ? undefined : declare(node, columns);
      }
      case "schema": {
        // The checker has said so where it is no text; it is then no file either.
        const path = String(node.path);
        const read = options.artefacts.schema(path);
        return read.ok ? declare(node, read.value) : fault(read.message, node.site, { literal: path });
      }
      case "subgraph":
        return subgraph(node);
      case "pick":
        return pick(node);
      case "plus":
        return plus(node);
      case "minus":
        return minus(node);
      case "apply":
        return apply(node);
      case "unknown":
        return undefined;
      default:
        return node satisfies never;
    }
  }
}

const origin = ({ column: { dtype }, ref }: Bound): string =>
  ref.step === REQUEST_STEP ? `${dtype}, from the source` : `${dtype}, made by \`${ref.step}\``;

/** `retrieval.queryFaiss`, made unique with `#2`. */
function stepId(op: string, variable: string | undefined, taken: Set<string>): string {
  const base = variable ? `${variable}.${op}` : op;
  let id = base;
  for (let n = 2; taken.has(id) || id === REQUEST_ROWS; n++) id = `${base}#${n}`;
  taken.add(id);
  return id;
}
