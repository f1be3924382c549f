/** `predictForest` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { plural } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const predictForest = operator({
  params: z.strictObject({
    path: z.string(),
    /** Triton model that holds the forest as an ONNX graph; written by the compiler. */
    model: z.string(),
    /** Column per feature, in the forest's order. */
    features: z.array(z.string()).min(1),
    /** Precision of the features. */
    dtype: z.enum(["float32", "float64"]),
  }),
  ports: { input: "many" },
  makes: 1,
  facts: { ...STAGE, nulls: "none", rows: "kept", cacheable: true, scores: true },
  describe: ({ params }) =>
    `run the forest ${params.path} on ${plural(params.features.length, "feature")} as model ${params.model}`,
});
