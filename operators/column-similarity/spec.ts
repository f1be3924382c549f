/** `columnSimilarity` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { groups } from "../shared/spec/params.js";

export const columnSimilarity = operator({
  params: z.strictObject({
    /** Parquet or CSV of (row, column, value), relative to the program; read while fitting. */
    features: z.string().min(1),
    /** Features of the second column of each pair, where they are others. */
    rightFeatures: z.string().min(1).optional(),
    metric: z.enum(["tfidf", "cosine", "inner"]).default("tfidf"),
    groups,
  }),
  ports: { input: "many" },
  learns: {
    of: "tables",
    /** Arrow files with columns `row`, `column` and `weight`, in that order, without duplicates. */
    state: z.strictObject({ left: artefactPath, right: artefactPath }),
  },
  facts: { ...TOGETHER, nulls: "possible", rows: "kept", grouped: true },
  describe: ({ params }) => `${params.metric} similarity by ${params.features}`,
});
