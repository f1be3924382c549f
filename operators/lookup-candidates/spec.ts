/** `lookupCandidates` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const lookupCandidates = operator({
  params: z.strictObject({
    path: z.string().min(1),
    /** Most candidates of a row. */
    topk: z.number().int().min(1).optional(),
    /** Adds `candidate_scores` (float32). */
    scores: z.boolean().default(false),
    /** How the lists of several keys become one. */
    merge: z.enum(["sum", "max", "roundRobin"]).default("roundRobin"),
    /** The table has one list, for every row. */
    everyone: z.boolean().default(false),
    name: z.string().min(1).default("candidate_ids"),
  }),
  ports: { input: "one" },
  makes: ({ scores }: { readonly scores: boolean }): 1 | 2 => (scores ? 2 : 1),
  artefacts: z.strictObject({ table: artefactPath }),
  facts: { ...STAGE, nulls: "none", rows: "brought", cacheable: false, scores: true },
  describe: ({ params, names }) =>
    `look candidates of ${params.everyone ? "everyone" : names("input")} up in ${params.path}${params.topk === undefined ? "" : `, at most ${params.topk}`}`,
});
