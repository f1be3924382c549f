/** Applies a fitted workflow, the same code that `merlon transform` runs offline. */
import { join } from "node:path";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, PathOf, WorkflowArtefact } from "../../compiler/dsl/artefacts.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { Lacking } from "../../compiler/dsl/wanted.js";
import { columnsReadBy } from "../../contract/any-step.js";
import { idSpaces } from "../../contract/id-space.js";
import { OP_PARAMS, type OpParams } from "../../contract/op-params.js";
import { type ColumnRef, type Plan, printPlan } from "../../contract/plan.js";
import { subgraphOf, withoutInputs } from "../../contract/restrict-plan.js";
import { type ColumnSchema, REQUEST_ROWS } from "../../contract/schema.js";
import { changesRows, columnsOfStep, factsOf } from "../../contract/step-facts.js";
import { datatype } from "../../triton-protos/datatype.js";
import { needAll, needType, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";

export interface TransformWorkflowOptions<Subgraph extends string = string> {
  /** Only this named part of the workflow; it reads the columns the part needs. */
  readonly subgraph?: Subgraph;
  /**
   * The workflow drops rows (`filter`, `dropna`, `groupby`, an inner `joinExternal`), and so drops their candidates. The remaining ones are
   * the rows of its columns, so every other output about them must be an output of the workflow. An answer about groups of the request's
   * rows has a row a group: scalars `[groups]`, and lists whose `NAME__offsets` count groups. It has no other columns: a value of the
   * request for each group is an aggregation of the workflow, such as `first`. Without `changesRows` such a workflow is refused.
   */
  readonly changesRows?: boolean;
  /** Columns that serving does not have, such as labels: they go, and with them every column made from one. */
  readonly removeInputs?: readonly string[];
}

type Columns = Pick<WorkflowArtefact, "inputs" | "outputs">;

/** The names that are known, so that editors offer them, and any other text. */
type SubgraphOf<P> =
  | (ArtefactOf<P, "workflow"> extends { readonly subgraphs: infer G } ? keyof G & string : never)
  | (string & {});

/** The selected part; never if the checker cannot know, because it does not follow what `removeInputs` removes. */
type PartOf<P, O> = O extends { readonly removeInputs: readonly string[] }
  ? never
  : O extends { readonly subgraph: infer N extends string }
    ? ArtefactOf<P, "workflow"> extends { readonly subgraphs: Readonly<Record<N, infer A extends Columns>> }
      ? A
      : never
    : ArtefactOf<P, "workflow">;

interface WorkflowRule<P extends string, A extends Columns> extends Rule {
  readonly fault: Lacking<P, A["inputs"], this["S"]>;
  readonly out: A["outputs"];
}

/**
 * Applies a workflow fitted by `merlon fit`. It takes the columns the workflow reads, and answers the columns it makes.
 * @param path fitted folder, relative to this file
 * @example user >> transformWorkflow("etl/user")
 * @example request >> transformWorkflow("etl", { subgraph: "user", removeInputs: ["bought"] })
 */
export const transformWorkflow = <
  const P extends PathOf<"workflow">,
  const O extends TransformWorkflowOptions<SubgraphOf<P>> = Record<never, never>,
>(
  path: P,
  options?: O,
): Op<[PartOf<P, O>] extends [never] ? OpenRule : WorkflowRule<P, PartOf<P, O>>> =>
  new Op("transformWorkflow", { path, ...options });

const authorParams = OP_PARAMS.transformWorkflow.omit({ groups: true });

export const transformWorkflowOp = defineOp({
  kind: "transformWorkflow",
  positional: ["path"],
  params: authorParams,
  infer: call => {
    const { path } = call.params;
    const reader = `\`transformWorkflow("${path}")\``;
    const read = call.artefacts.workflow(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const workflow = partOf(call, read.value);
    if (!workflow) return undefined;
    const isWhole = workflow === read.value;
    const changing = workflow.steps.find(changesRows);
    if (changing && !call.params.changesRows)
      return call.fail(
        messages.workflowFiltered({ path, step: changing.op === "filter" ? changing.params.text : changing.op }),
        { literal: path },
      );
    const input = needAll(
      call,
      workflow.inputs.map(wanted => wanted.name),
      reader,
      missing =>
        `Bring ${missing} along, or \`>> rename(...)\` the column that holds it. For a target, use \`removeInputs\`.`,
      "left",
    );
    if (!input) return undefined;
    const fits = workflow.inputs.map((wanted, i) =>
      needType(
        call,
        input[i]!,
        wanted,
        reader,
        `Declare \`${wanted.name}\` as the type it has here in the workflow's \`source\`, and fit it again.`,
      ),
    );
    if (fits.includes(false)) return undefined;
    if (!sameRows(call, input, reader)) return undefined;
    const rows = input[0]?.column.rows;
    const part = isWhole ? path : partName(call.params);
    const folder = join("workflows", call.artefactName(part, `${read.path} ${isWhole ? "" : part}`));
    const served = call.served(workflow);
    const groups = rows === REQUEST_ROWS && workflow.steps.some(step => step.op === "groupby");
    return {
      params: { ...call.params, ...(groups && { groups }) },
      inputs: { input },
      outputs: servedColumns(workflow).map(made => ({ ...made, rows: changing ? call.id : (rows ?? made.rows) })),
      ...(changing && rows !== undefined && { madeRows: { parent: call.parentRows(rows) ?? rows } }),
      artefacts: { workflow: join(folder, "workflow.json") },
      // A part keeps the vocabularies of the whole beside a plan of its own, and so does one with fused steps.
      files: [
        { from: read.path, to: folder },
        ...(served === read.value ? [] : [{ text: printPlan(served), to: join(folder, "workflow.json") }]),
      ],
    };
  },
});

/** The selected part of a workflow: the same plan if all of it is. */
function partOf(call: Call<OpParams["transformWorkflow"]>, whole: Plan): Plan | undefined {
  const { path, subgraph, removeInputs = [] } = call.params;
  const known = Object.keys(whole.subgraphs ?? {});
  const part = subgraph === undefined ? whole : subgraphOf(whole, subgraph);
  if (!part)
    return call.fail(
      messages.workflowSubgraphMissing({
        path,
        name: subgraph!,
        known: known.length ? listNames(known) : "no subgraphs",
        suggestion: suggest(subgraph!, known),
      }),
      { literal: subgraph! },
    );
  const names = whole.inputs.map(c => c.name);
  const unknown = removeInputs.find(name => !names.includes(name));
  if (unknown !== undefined)
    return call.fail(
      messages.schemaColumnMissing({
        reader: "`removeInputs`",
        column: unknown,
        columns: listNames(names),
        suggestion: suggest(unknown, names),
        way: "Name a column that the workflow reads.",
      }),
      { literal: unknown },
    );
  return removeInputs.length ? withoutInputs(part, removeInputs) : part;
}

const partName = ({ path, subgraph, removeInputs = [] }: OpParams["transformWorkflow"]): string =>
  [path, ...(subgraph === undefined ? [] : [subgraph]), ...removeInputs.map(name => `without-${name}`)].join("/");

/** The columns that a served workflow makes, with the space of their codes. */
function servedColumns({ steps, outputs }: Plan): readonly ColumnSchema[] {
  const byId = new Map(steps.map(step => [step.id, step]));
  const isCode = (ref: ColumnRef): boolean => {
    const step = byId.get(ref.step);
    if (!step) return false;
    const { encodes } = factsOf(step.op);
    if (encodes) return true;
    const before = columnsReadBy(step)[step.outputs.findIndex(({ name }) => name === ref.column)];
    return columnsOfStep(step) === "one by one" && before !== undefined && isCode(before);
  };
  return outputs.map(({ ref, schema }) =>
    datatype(schema.dtype).kind === "int" && isCode(ref)
      ? { ...schema, properties: { ...schema.properties, ...idSpaces([{ kind: "codes", of: schema.name }]) } }
      : schema,
  );
}
