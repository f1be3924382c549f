/** `queryEmbedding` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const queryEmbedding = operator({
  params: z.strictObject({
    path: z.string().min(1),
    name: z.string().min(1).default("embedding"),
    onMissing: z.enum(["zero", "error"]).default("zero"),
    memoryMb: z.number().min(0).default(256),
    /** Length of the vectors; written by the compiler. */
    dimension: z.number().int().min(1),
  }),
  ports: { input: "one" },
  makes: 1,
  artefacts: z.strictObject({ table: artefactPath }),
  facts: { ...STAGE, nulls: "none", rows: "kept", cacheable: true, scores: false },
  describe: ({ params, names }) => `look vectors of ${params.dimension} up by ${names("input")} in ${params.path}`,
});
