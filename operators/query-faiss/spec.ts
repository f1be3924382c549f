/** `queryFaiss` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, itemCondition, perColumn } from "../shared/spec/params.js";

export const queryFaiss = operator({
  params: z.strictObject({
    path: z.string(),
    topk: z.number().int().min(1).default(10),
    /** Adds `candidate_distances` (float32). */
    includeDistances: z.boolean().default(false),
    /** Lists that a search of an IVF index visits; by default what the file says. */
    nprobe: z.number().int().min(1).optional(),
    /** Candidates that a search of an HNSW index keeps; by default what the file says. */
    efSearch: z.number().int().min(1).optional(),
    /** Brings queries to length 1, so that inner products of an index of such vectors are cosines. */
    normalize: z.literal(true).optional(),
    /** The condition of a filtered search, over columns of an attribute table and of the port `user`. */
    where: z
      .strictObject({
        ...itemCondition,
        /** The attribute table: its path for people, the column of the ids, and the columns that conditions read. */
        table: z.string().min(1),
        key: z.strictObject({ name: z.string().min(1), dtype }),
        columns: perColumn(dtype),
      })
      .optional(),
  }),
  ports: { input: "one", exclude: "one?", user: "many?" },
  /** `ids`: an Arrow file with the text of each position; the index then answers texts. `attributes` may be replaced while it is served. */
  artefacts: z.strictObject({
    index: artefactPath,
    ids: artefactPath.optional(),
    attributes: artefactPath.optional(),
  }),
  facts: {
    ...STAGE,
    nulls: "none",
    rows: "brought",
    cacheable: true,
    scores: true,
    multiplies: true,
    functionOption: "where",
  },
  describe: ({ params }) =>
    `find the ${params.topk} nearest in ${params.path}${params.where ? ` where ${params.where.text} (${params.where.table})` : ""}`,
});
