/** `transformWorkflow` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const transformWorkflow = operator({
  params: z.strictObject({
    path: z.string(),
    /** Only this named part of the workflow. */
    subgraph: z.string().optional(),
    /** The workflow may take rows away: what is left of them are the rows of its columns. */
    changesRows: z.boolean().optional(),
    /** True where the rows that it makes are groups of the request's rows, so that none of them is of one row. */
    groups: z.boolean().optional(),
    /** Columns that are there in training and not in serving, such as labels. */
    removeInputs: z.array(z.string()).optional(),
  }),
  ports: { input: "many" },
  artefacts: z.strictObject({ workflow: artefactPath }),
  facts: {
    ...STAGE,
    nulls: "possible",
    rows: "kept",
    cacheable: true,
    scores: false,
    appliesWorkflow: true,
    groupsRows: params => params.groups === true,
  },
  describe: ({ params }) =>
    [
      `apply ${params.subgraph === undefined ? "" : `the part ${params.subgraph} of `}the fitted workflow ${params.path}`,
      ...(params.removeInputs ?? []).map(name => `without ${name}`),
    ].join(", "),
});
