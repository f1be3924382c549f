/** `columnSimilarity` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
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
  facts: { ...TOGETHER, nulls: "possible", rows: "kept", grouped: true, learns: "tables" },
  describe: ({ params }) => `${params.metric} similarity by ${params.features}`,
});
