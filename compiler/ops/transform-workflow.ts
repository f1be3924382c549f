/** Applies a fitted workflow, the same code that `merlon transform` runs offline. */
import { join } from "node:path";
import { OP_PARAMS } from "../../triton-protos/op-params.js";
import { Op } from "../dsl/node.js";
import type { OpenRule } from "../dsl/rule.js";
import { artefactName } from "./artefact-name.js";
import { need, needType, sameRows } from "./columns.js";
import { defineOp } from "./define-op.js";

/**
 * Applies a workflow fitted by `merlon fit`. It takes the columns the workflow reads, and answers the columns it makes.
 * @param path fitted folder, relative to this file
 * @example user >> transformWorkflow("etl/user")
 */
export const transformWorkflow = (path: string): Op<OpenRule> => new Op("transformWorkflow", { path });

export const transformWorkflowOp = defineOp({
  kind: "transformWorkflow",
  params: OP_PARAMS.transformWorkflow,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const { path } = call.params;
    const reader = `\`transformWorkflow("${path}")\``;
    const read = call.artefacts.workflow(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const workflow = read.value;
    const bound = workflow.inputs.map(wanted => {
      const found = need(
        call,
        call.input,
        wanted.name,
        reader,
        `Bring \`${wanted.name}\` along, or \`>> rename(...)\` the column that holds it.`,
        "left",
      );
      if (!found) return undefined;
      return needType(
        call,
        found,
        wanted,
        reader,
        `Declare \`${wanted.name}\` as the type it has here in the workflow's \`source\`, and fit it again.`,
      )
        ? found
        : undefined;
    });
    if (bound.some(b => !b)) return undefined;
    const input = bound.map(b => b!);
    if (!sameRows(call, input, reader)) return undefined;
    const rows = input[0]?.column.rows;
    const folder = join("workflows", artefactName(path));
    return {
      params: { path },
      inputs: { input },
      outputs: workflow.outputs.map(({ schema }) => ({ ...schema, rows: rows ?? schema.rows })),
      artefacts: { workflow: join(folder, "workflow.json") },
      files: [{ from: read.path, to: folder }],
    };
  },
});
