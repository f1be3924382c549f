/** `predictOnnx` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { readOf } from "../shared/spec/narrow.js";
import { operator } from "../shared/spec/operator.js";
import { padding, perColumn, scalar } from "../shared/spec/params.js";

export const predictOnnx = operator({
  params: z.strictObject({
    path: z.string(),
    /** Triton model that holds the graph; written by the compiler. */
    model: z.string(),
    /** Tensor → column, for every input of the graph. */
    inputs: perColumn(z.string()),
    /** Column → tensor, in output order. */
    outputs: perColumn(z.string()),
    /** Tensor → columns that are side by side in it, as one matrix. */
    stack: perColumn(z.array(z.string()).min(1)).optional(),
    /** Tensor → the value it always has. */
    constants: perColumn(scalar).optional(),
    /** Tensor → how the ragged column bound to it becomes a rectangle. */
    pad: perColumn(padding).optional(),
    /** Most rows of one call. */
    batchSize: z.number().int().min(1).optional(),
    /** A row's outputs may depend on the other rows, so rows of several requests never run together. */
    mixesRows: z.literal(true).optional(),
  }),
  ports: { input: "many" },
  facts: {
    ...STAGE,
    nulls: "none",
    rows: "kept",
    cacheable: ({ mixesRows }) => !mixesRows,
    scores: true,
    refusesNulls: true,
  },
  describe: ({ params }) => `run ${params.path} as model ${params.model}`,
  narrow: (step, isRead) => {
    const { outputs, named } = readOf(step, isRead, step.params.outputs);
    return { outputs, params: { ...step.params, outputs: named } };
  },
});
