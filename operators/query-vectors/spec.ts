/** `queryVectors` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, itemCondition, perColumn } from "../shared/spec/params.js";

export const queryVectors = operator({
  params: z.strictObject({
    /** The store's file as its author wrote it, for people. */
    store: z.string().min(1),
    type: z.string().min(1),
    topk: z.number().int().min(1).max(10_000).default(10),
    /** Adds `candidate_distances` (float32). */
    includeDistances: z.boolean().default(false),
    dimension: z.number().int().min(1),
    /** The condition, over attributes of the store and columns of the port `user`. */
    where: z
      .strictObject({
        ...itemCondition,
        /** The attributes that it reads. */
        attributes: perColumn(dtype),
      })
      .optional(),
  }),
  ports: { input: "one", exclude: "one?", user: "many?" },
  /** A `*.vectors.yaml`; its secrets are names of environment variables. */
  artefacts: z.strictObject({ store: artefactPath }),
  facts: {
    ...STAGE,
    nulls: "none",
    rows: "brought",
    cacheable: true,
    scores: true,
    looksUp: true,
    database: ({ store }) => store,
    functionOption: "where",
  },
  describe: ({ params }) =>
    `find the ${params.topk} nearest in ${params.store} (${params.type})${params.where ? ` where ${params.where.text}` : ""}`,
});
