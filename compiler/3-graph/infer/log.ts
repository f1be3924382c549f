/**
 * The `log` of an ensemble's options → the columns that the exposure log keeps, and the ids of the shown items. Kept columns of other rows are
 * matched with the items by ids of their own.
 */
import { isJoinedColumn } from "../../../contract/exposures.js";
import type { OpKind } from "../../../contract/op-params.js";
import { itemFault, keptNameFault, type PlanLog } from "../../../contract/plan-log.js";
import { type ColumnSchema, REQUEST_ROWS } from "../../../contract/schema.js";
import { hasBranches } from "../../../contract/step-facts.js";
import type { Bound, Scope } from "../../../operators/shared/author/bound.js";
import { listNames } from "../../diagnostics/diagnostic.js";
import * as messages from "../../diagnostics/messages.js";
import type { GraphDependency, GraphLog } from "../document.js";
import { readLogOptions } from "../log-options.js";
import { type Inference, report } from "./inference.js";

export interface InferredLog extends Omit<PlanLog, "item" | "columns" | "ids"> {
  readonly item: Bound;
  readonly columns: Scope;
  readonly ids: Scope;
}

/** @param output columns of the answer @returns undefined after a fault, which is reported, or behind one */
export function inferLog(inference: Inference, { columns, options }: GraphLog, output: Scope): InferredLog | undefined {
  const { nodes, output: answer } = inference.graph;
  const atAnswer = nodes[answer]?.site;
  const item = itemOf(inference, output, atAnswer);
  const kept = item && keptColumns(inference, columns, atAnswer);
  const read = kept && readLogOptions(options);
  if (!read || typeof read === "string") return undefined;
  const { candidates, personal, retentionDays } = read;
  if (candidates !== "shown" && !isOrdered(inference, item)) {
    const maker = inference.steps.find(({ id }) => id === item.column.rows);
    return report(inference, messages.graphLog(withoutOrdering(maker?.op)), atAnswer, "whole");
  }
  const written = kept.filter(({ bound }) => personal[bound.column.name] !== "drop");
  const ids = new Map<string, Bound>();
  const before: string[] = [];
  let faults = 0;
  const fail = (problem: string, way: string, site: number | undefined): void => {
    faults++;
    report(inference, messages.graphLog({ problem, way }), site, "whole");
  };
  for (const { bound, site } of written) {
    const { name, rows, dtype } = bound.column;
    const wrong = keptNameFault(name, before) ?? joinedNameFault(name);
    if (wrong !== undefined) fail(`${wrong}.`, `Give it another name: \`>> rename({ prefix: "kept_" })\`.`, site);
    before.push(name);
    if (dtype === "bfloat16")
      fail(`\`${name}\` is bfloat16, which Parquet does not have.`, "Keep the column that it was made from.", site);
    if (rows === REQUEST_ROWS || rows === item.column.rows || ids.has(rows)) continue;
    const own = idsOf(inference, rows);
    if (own && (own.column.dtype === "string") === (item.column.dtype === "string")) ids.set(rows, own);
    else
      fail(
        `\`${name}\` has the rows of \`${rows}\`, which has no ids that the shown \`${item.column.name}\` are found by.`,
        "Keep a column of the request, of the candidates or of the answer.",
        site,
      );
  }
  const names = kept.map(({ bound }) => bound.column.name);
  const strange = Object.keys(personal).find(name => !names.includes(name));
  if (strange !== undefined)
    fail(
      `\`personal\` names \`${strange}\`, and the log keeps ${listNames(names)}.`,
      "Name a column of `columns`, or leave it out: columns that are not named there are not written.",
      atAnswer,
    );
  if (faults > 0) return undefined;
  const hashed = before.filter(name => personal[name] === "hash");
  return {
    item,
    columns: written.map(({ bound }) => bound),
    ids: [...ids.values()],
    candidates,
    hashed,
    ...(retentionDays !== undefined && { retentionDays }),
  };
}

/** Plans of earlier builds may keep such a column: their logs can be read, and not joined. */
const joinedNameFault = (name: string): string | undefined =>
  isJoinedColumn(name) ? `\`${name}\` is a column that \`merlon feedback join\` adds to the log` : undefined;

interface Kept {
  readonly bound: Bound;
  readonly site: number | undefined;
}

/** The columns of all nodes; undefined behind a fault. */
function keptColumns(
  inference: Inference,
  columns: readonly GraphDependency[],
  atAnswer: number | undefined,
): readonly Kept[] | undefined {
  const kept: Kept[] = [];
  for (const one of columns) {
    if ("seen" in one)
      return report(
        inference,
        messages.graphLog({
          problem: `\`columns\` holds ${one.seen}, and is a list of nodes.`,
          way: 'Pick columns of nodes: `columns: [request["user_id"], pairs[["price", "age"]]]`.',
        }),
        atAnswer,
        "whole",
      );
    const node = inference.graph.nodes[one.node]!;
    const scope = inference.nodes[one.node]?.scope;
    if (!scope) return undefined;
    kept.push(...scope.map(bound => ({ bound, site: node.site })));
  }
  return kept;
}

/** The ids of the rows of the answer that are candidates. */
function itemOf(inference: Inference, output: Scope, site: number | undefined): Bound | undefined {
  const fail = (problem: string, way: string) => report(inference, messages.graphLog({ problem, way }), site, "whole");
  const sets = [...new Set(output.map(({ column }) => column.rows))].filter(rows => isOfUser(inference, rows));
  const orderings = sets.filter(rows => inference.steps.some(step => step.id === rows && "relevance" in step.inputs));
  const [rows, other] = orderings.length > 0 ? orderings : sets;
  if (rows === undefined)
    return fail("the answer has no candidates, and the log has a row for each shown one.", "Leave `log` out.");
  if (other !== undefined)
    return fail(
      `the answer has the candidates of \`${rows}\` and of \`${other}\`, and the log has one list per request.`,
      "Log an ensemble that answers one of them.",
    );
  const ids = output.find(({ column }) => isId(column, rows)) ?? idsOf(inference, rows);
  if (!ids) return fail(`no column of the rows of \`${rows}\` is tagged \`id\`.`, 'Tag it: `>> addTags("id")`.');
  const wrong = itemFault(ids.column);
  return wrong === undefined ? ids : fail(`${wrong}.`, "Order candidates by such ids.");
}

const isId = ({ rows, tags, list }: ColumnSchema, of: string): boolean => rows === of && !list && tags.includes("id");

/** The ids of a set of rows: the column tagged so, or the first of the ordering that made the rows. */
function idsOf({ steps }: Inference, rows: string): Bound | undefined {
  for (const { id, outputs, site } of steps) {
    const column = outputs.find(c => isId(c, rows));
    if (column) return { column, ref: { step: id, column: column.name }, site };
  }
  const ordering = steps.find(({ id, inputs }) => id === rows && "relevance" in inputs);
  const [column] = ordering?.outputs ?? [];
  return column && { column, ref: { step: rows, column: column.name }, site: ordering!.site };
}

/** Whether the step that made the rows of the items has scores to order by. */
const isOrdered = ({ steps }: Inference, { column }: Bound): boolean =>
  steps.some(({ id, inputs }) => id === column.rows && "relevance" in inputs);

/** @param op of the step that made the rows of the items */
const withoutOrdering = (op: OpKind | undefined): { readonly problem: string; readonly way: string } =>
  op && hasBranches(op)
    ? {
        problem: `\`candidates: { all }\` logs the candidates that one ordering did not show, and \`${op}\` takes the list from one of several branches.`,
        way: "Leave `candidates` out. To log propensities, write `propensity: true` in the ordering of each branch, and return that column.",
      }
    : {
        problem:
          "`candidates: { all }` logs the candidates that were not shown, and no ordering chooses among candidates.",
        way: "End with `topK`, `softmaxSampling` or `epsilonGreedy`, or leave `candidates` out.",
      };

/** Whether rows are candidates of the request's rows. */
function isOfUser({ rowParents }: Inference, rows: string): boolean {
  for (let at: string | undefined = rowParents.get(rows); at !== undefined; at = rowParents.get(at))
    if (at === REQUEST_ROWS) return true;
  return false;
}
